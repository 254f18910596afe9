// errors: 1
// The compiler reports two methods of one name, once.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    async fn twice(&self, n: u32) -> u32 {
        n * 2
    }
}

fn main() {}
