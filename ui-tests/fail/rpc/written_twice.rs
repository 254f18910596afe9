// errors: 1
// A method has one name on the wire.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    #[rpc(name = "double")]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
