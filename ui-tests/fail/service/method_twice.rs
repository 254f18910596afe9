// errors: 1
// Two methods of one name: the compiler's own message, once.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    async fn twice(&self, n: u32) -> u32 {
        n * 2
    }
}

fn main() {}
