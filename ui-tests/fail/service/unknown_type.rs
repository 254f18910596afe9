// errors: 1
// An unknown type is reported where it is written.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    async fn twice(&self, n: Number) -> u64 {
        n.twice()
    }
}

fn main() {}
