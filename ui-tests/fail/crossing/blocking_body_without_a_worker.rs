// errors: 1
// The body blocks, and the event loop has no worker.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn more(&self, n: u64) -> u64 {
        self.blocking_count(n)
    }

    #[blocking]
    fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
