// errors: 1
// Connections and jobs share a service between threads.
use portcullis::prelude::*;
use std::cell::Cell;

struct Counter {
    n: Cell<u64>,
}

#[service]
impl Counter {
    #[request]
    async fn more(&self, more: u64) -> u64 {
        self.n.set(self.n.get() + more);
        self.n.get()
    }
}

fn main() {}
