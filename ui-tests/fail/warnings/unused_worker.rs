// errors: 2
// A method that takes a worker looks as if it could be cancelled and call back.
#![deny(deprecated)]
use portcullis::prelude::*;

struct Service;

#[service]
impl Service {
    #[blocking]
    fn add(&self, worker: &Worker, a: u64, b: u64) -> u64 {
        a + b
    }

    #[blocking]
    fn sub(&self, _worker: &Worker, a: u64, b: u64) -> u64 {
        a - b
    }
}

#[blocking]
fn twice(w: &Worker, n: u64) -> u64 {
    2 * n
}

fn main() {}
