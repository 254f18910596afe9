// errors: 1
// A blocking wait on the event loop would never end, so there is no worker.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn more(&self, n: u64) -> u64 {
        self.count(n).wait(worker).unwrap_or(0)
    }

    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
