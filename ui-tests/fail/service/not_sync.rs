// errors: 1
// A service is shared by its connections and jobs, on many threads.
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
