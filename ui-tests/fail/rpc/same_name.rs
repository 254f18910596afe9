// errors: 1
// The service finds a method by its name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[rpc(name = "twice")]
    async fn double(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
