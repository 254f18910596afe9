// errors: 1
// In an `async fn` that borrows, no bound asks for `Send`, but the lock is held anyway.
#![deny(deprecated)]
use portcullis::prelude::*;
use std::sync::Mutex;

struct Service {
    n: Mutex<u64>,
}

#[service]
impl Service {
    async fn add(&self, more: &u64) -> u64 {
        let mut n = self.n.lock().unwrap();
        *n += self.twice(*more).await;
        *n
    }

    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
