// errors: 1
// After an `.await` the task may run on another thread, which can't release the lock.
use portcullis::prelude::*;
use std::sync::Mutex;

struct Counter {
    n: Mutex<u64>,
}

#[service]
impl Counter {
    #[request]
    async fn more(&self, more: u64) -> u64 {
        let mut n = self.n.lock().unwrap();
        *n += self.twice(more).await;
        *n
    }

    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
