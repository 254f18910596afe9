// errors: 1
// Calls that run at the same time share it.
use std::cell::Cell;

use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[on(connect)]
    async fn connected(&self) -> Cell<u64> {
        Cell::new(0)
    }

    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
