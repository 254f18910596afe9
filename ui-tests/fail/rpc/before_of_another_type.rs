// errors: 1
// `#[before]` is given the call as a value.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[before]
    async fn allow(&self, n: u64) -> ControlFlow<MathsReply, u64> {
        ControlFlow::Continue(n)
    }

    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
