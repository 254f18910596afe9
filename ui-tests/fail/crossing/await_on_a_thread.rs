// errors: 1
// A thread has no executor: it waits with `.wait(worker)`.
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
