// errors: 1
// A thread is not polled: it waits.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn more(&self, worker: &Worker, n: u64) -> u64 {
        let _ = worker.check();
        self.count(n).await
    }

    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
