// errors: 1
// The connection is closed, so the output would be discarded.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(disconnect)]
    async fn left(&self) -> u64 {
        0
    }
}

fn main() {}
