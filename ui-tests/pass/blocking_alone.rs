//! `#[blocking]` without a service: free functions and methods, on any executor.
use portcullis::{Interrupted, prelude::*};
use std::sync::{Arc, LazyLock};

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::builder("own").threads(1).build().unwrap());

#[blocking]
fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

#[blocking(pool = POOL, deadline = "1m")]
fn parse(worker: &Worker, text: String) -> Result<u64, Interrupted> {
    worker.check()?;
    text.parse().map_err(|_| Interrupted::Cancelled { began: true })
}

struct Counter(u64);

impl Counter {
    #[blocking(pool = POOL)]
    fn add(self: &Arc<Self>, n: u64) -> u64 {
        self.0 + n
    }

    #[blocking]
    fn new(n: u64) -> Self {
        Self(n)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(sum(vec![1, 2, 3]).await.unwrap(), 6);
        assert_eq!(parse("7".to_owned()).await.unwrap(), 7);
        let counter = Arc::new(Counter::new(1).await.unwrap());
        assert_eq!(counter.add(2).await.unwrap(), 3);
    });
}
