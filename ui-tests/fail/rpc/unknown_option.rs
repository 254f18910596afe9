// errors: 1
// A misspelt option would have no effect.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc(nane = "double")]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
