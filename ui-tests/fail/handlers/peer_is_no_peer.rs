// errors: 1
// `&T` ahead of the request is the peer, whatever it is called.
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
