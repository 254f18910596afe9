// errors: 1
// Each event has its own parameters.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(start, stop)]
    async fn changed(&self) {}
}

fn main() {}
