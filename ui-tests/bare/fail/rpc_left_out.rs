//! A call without the feature `rpc` is one error.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[rpc]
    #[blocking]
    fn thrice(&self, n: u64) -> u64 {
        n * 3
    }
}

fn main() {}
