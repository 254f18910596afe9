// errors: 1
// A method is called by its name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc(name = "")]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
