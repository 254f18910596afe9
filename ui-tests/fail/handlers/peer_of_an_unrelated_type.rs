// errors: 1
// A parameter `&T` before the request is the peer, under any name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, factor: &u64, n: u64) -> u64 {
        n * factor
    }
}

fn main() {}
