// errors: 1
// `#[on(connect)]` runs before the first request.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self, n: u64) -> u64 {
        n
    }
}

fn main() {}
