// errors: 1
// A thread has no executor: it waits with `.wait(worker)`, for which it needs a worker.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn more(&self, n: u64) -> u64 {
        self.count(n).await
    }

    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
