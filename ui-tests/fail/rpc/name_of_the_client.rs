// errors: 1
// The client has this method already.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn connect(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
