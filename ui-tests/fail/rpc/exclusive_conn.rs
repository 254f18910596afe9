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

    #[rpc]
    async fn twice(&self, calls: &mut u64, n: u64) -> u64 {
        *calls += 1;
        n * 2
    }
}

fn main() {}
