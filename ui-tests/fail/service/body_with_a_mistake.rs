// errors: 1
// The compiler reports errors in a body, once and at the user's tokens.
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
