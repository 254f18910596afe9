// errors: 1
// A thread is not polled: it waits, for which it needs its worker.
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
