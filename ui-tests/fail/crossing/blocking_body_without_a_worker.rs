// errors: 1
// The body blocks, and the loop has no worker to lend it.
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
