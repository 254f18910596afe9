// errors: 1
// A connection has one request type, which says what to do.
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
