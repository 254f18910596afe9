// errors: 1
// All handlers are in one block, because a block doesn't see another.
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
