// errors: 1
// A method that is neither async nor a job would hold the event loop.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
