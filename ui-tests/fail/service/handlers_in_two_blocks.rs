// errors: 3
// Handlers live in one block; a block does not see the other, so the compiler says it of each trait.
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
