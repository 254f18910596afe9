// errors: 1
// The messages are generated.
use portcullis::prelude::*;

struct Maths;

#[service(request = u64)]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
