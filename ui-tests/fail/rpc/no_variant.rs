// errors: 1
// Each method is a variant of the calls.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn _2x(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
