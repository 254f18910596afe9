// errors: 1
// The order of two hooks would be undefined.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(stop)]
    async fn stopped(&self) {}

    #[on(stop)]
    async fn also_stopped(&self) {}
}

fn main() {}
