// errors: 1
// Two calls that run at the same time would both have it.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[before]
    async fn count(&self, calls: &mut u64, call: MathsCall) -> ControlFlow<MathsReply, MathsCall> {
        *calls += 1;
        ControlFlow::Continue(call)
    }

    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
