// errors: 1
// A call is for a service.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    #[blocking]
    fn twice(n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
