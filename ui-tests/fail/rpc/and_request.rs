// errors: 1
// A method has one role.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
