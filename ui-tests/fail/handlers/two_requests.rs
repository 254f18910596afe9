// errors: 1
// A connection speaks one language: what to do is part of the request.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[request]
    async fn half(&self, n: u64) -> u64 {
        n / 2
    }
}

fn main() {}
