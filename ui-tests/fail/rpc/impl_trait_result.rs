// errors: 1
// The client has to name the type.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> impl Into<u64> {
        n * 2
    }
}

fn main() {}
