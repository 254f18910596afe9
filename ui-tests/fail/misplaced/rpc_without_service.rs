// errors: 1
// `#[service]` reads the attributes of the block.
use portcullis::prelude::*;

struct Maths;

impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
