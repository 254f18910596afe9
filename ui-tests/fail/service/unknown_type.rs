// errors: 1
// A type that is not there is reported where it is written.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    async fn twice(&self, n: Number) -> u64 {
        n.twice()
    }
}

fn main() {}
