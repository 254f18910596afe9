// errors: 1
// Only a pool thread has a worker.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn more(&self, n: u64) -> u64 {
        let worker = Worker::default();
        self.blocking_count(&worker, n)
    }

    #[blocking]
    fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
