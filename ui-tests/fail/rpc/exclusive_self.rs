// errors: 1
// Connections share the service.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&mut self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
