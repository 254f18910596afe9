// errors: 1
// A mistake in a body is the compiler's to report, at its place and once.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[blocking]
    fn twice(&self, n: u64) -> u64 {
        n + missing
    }
}

fn main() {}
