// errors: 1
// Waiting on the loop for the loop would never end: there is no worker there.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    async fn more(&self, n: u64) -> u64 {
        self.count(n).wait(worker).unwrap_or(0)
    }

    #[blocking]
    fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
