// errors: 1
// A lock that is held at an `.await` would be given back by another thread.
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
