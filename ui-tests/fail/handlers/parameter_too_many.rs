// errors: 1
// A request is one value.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn sum(&self, a: u64, b: u64) -> u64 {
        a + b
    }
}

fn main() {}
