// errors: 1
// A worker proves that this thread may block.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn more(&self, n: u64) -> u64 {
        self.count(n).wait().unwrap_or(0)
    }

    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
