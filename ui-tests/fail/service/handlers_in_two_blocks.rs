// errors: 1
// Handlers live in one block, since a block does not see the other.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

#[service]
impl Maths {
    #[request]
    async fn half(&self, n: u64) -> u64 {
        n / 2
    }
}

fn main() {}
