// errors: 1
// A mistake in a body is the compiler's to report, at its place and once.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> String {
        n * 2
    }
}

fn main() {}
