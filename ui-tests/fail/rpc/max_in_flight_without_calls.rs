// errors: 1
// It would have no effect.
use portcullis::prelude::*;

struct Maths;

#[service(max_in_flight = 7)]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
