// errors: 1
// A client could choose a type that the service does not know.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: impl Into<u64>) -> u64 {
        n.into() * 2
    }
}

fn main() {}
