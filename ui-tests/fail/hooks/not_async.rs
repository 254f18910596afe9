// errors: 1
// Hooks run on the event loop.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(stop)]
    fn stopped(&self) {}
}

fn main() {}
