// errors: 1
// A connection has one value.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[on(connect)]
    async fn also_connected(&self) -> u32 {
        0
    }
}

fn main() {}
