// errors: 1
// A hook handles an event.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on]
    async fn stopped(&self) {}
}

fn main() {}
