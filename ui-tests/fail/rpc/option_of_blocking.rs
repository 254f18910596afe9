// errors: 1
// The options of a job are those of `#[blocking]`.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc(pool = self.cpu)]
    #[blocking]
    fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
