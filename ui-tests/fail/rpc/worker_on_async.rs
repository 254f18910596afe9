// errors: 1
// The event loop has no worker.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, worker: &Worker, n: u64) -> u64 {
        let _ = worker;
        n * 2
    }
}

fn main() {}
