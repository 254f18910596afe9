// errors: 1
// A name may have characters that no identifier has.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc(name = double)]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
