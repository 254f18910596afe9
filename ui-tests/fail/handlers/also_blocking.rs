// errors: 1
// A handler runs on the event loop. Code that blocks is a method of its own.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    #[blocking]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
