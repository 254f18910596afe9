// errors: 1
// The error of a call is its answer.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, u64> {
        ControlFlow::Break(Reason::from_error(&error))
    }
}

fn main() {}
