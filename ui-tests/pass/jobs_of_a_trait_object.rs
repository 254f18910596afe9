//! Blocking methods of a trait object, which isn't a service and needs no size.
use std::sync::Arc;

use portcullis::prelude::*;

trait Store: Send + Sync {
    fn get(&self, key: u64) -> u64;
}

struct Doubled;

impl Store for Doubled {
    fn get(&self, key: u64) -> u64 {
        key * 2
    }
}

#[service]
impl dyn Store {
    #[blocking]
    fn fetch(&self, key: u64) -> u64 {
        self.get(key)
    }
}

#[tokio::main]
async fn main() {
    let store: Arc<dyn Store> = Arc::new(Doubled);
    assert_eq!(store.fetch(4).await.expect("a value"), 8);
}
