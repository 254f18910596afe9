// errors: 1
// The service finds a method by its number.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc(number = 7)]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[rpc(number = 7)]
    async fn thrice(&self, n: u64) -> u64 {
        n * 3
    }
}

fn main() {}
