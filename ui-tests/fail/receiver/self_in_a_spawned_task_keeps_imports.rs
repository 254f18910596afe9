// errors: 1
// Imports that only the body uses cause no warning beside the error.
use portcullis::prelude::*;
use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

struct Jobs {
    done: AtomicUsize,
}

#[service]
impl Jobs {
    #[request]
    async fn start(&self, seconds: u64) -> String {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.done.fetch_add(1, Relaxed);
        });
        String::from("started")
    }
}

fn main() {}
