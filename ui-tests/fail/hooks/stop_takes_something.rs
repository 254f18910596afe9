// errors: 1
// `#[on(stop)]` has no parameters.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(stop)]
    async fn stopped(&self, reason: Reason) {
        drop(reason);
    }
}

fn main() {}
