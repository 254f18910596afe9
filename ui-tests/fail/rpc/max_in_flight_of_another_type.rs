// errors: 1
// It is a number of calls.
use portcullis::prelude::*;

struct Maths;

#[service(max_in_flight = "7")]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
