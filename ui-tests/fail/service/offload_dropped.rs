// errors: 1
// A dropped `Offload` cancels its job.
#![deny(unused_must_use)]
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        self.store(n);
        n * 2
    }

    #[blocking]
    fn store(&self, n: u64) {
        let _ = n;
    }
}

fn main() {}
