// errors: 3
// A sleeping thread polls no task: the event loop and all its sessions stop.
#![deny(deprecated)]
use portcullis::prelude::*;
use std::{thread, time::Duration};

struct Service {
    pool: Pool,
}

#[service]
impl Service {
    #[request]
    async fn answer(&self, request: u64) -> u64 {
        std::thread::sleep(Duration::from_secs(1));
        self.later(request).await
    }

    async fn later(&self, n: u64) -> u64 {
        if n > 0 {
            thread::sleep(Duration::from_secs(1));
        }
        n
    }

    #[on(stop)]
    async fn stop(&self) {
        async { std::thread::sleep(Duration::from_secs(1)) }.await;
        let slept = self.pool.run(|_| thread::sleep(Duration::from_millis(1))).await;
        drop(slept);
    }
}

fn main() {}
