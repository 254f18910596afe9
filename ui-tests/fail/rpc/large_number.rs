// errors: 1
// Compact formats have 32 bits for it.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc(number = 4294967296)]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
