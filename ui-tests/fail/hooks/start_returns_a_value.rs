// errors: 1
// The service exists before `#[on(start)]`, which can only fail.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(start)]
    async fn started(&self) -> u64 {
        1
    }
}

fn main() {}
