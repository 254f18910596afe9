// errors: 1
// `#[blocking]` generates `blocking_f` beside `f`.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[blocking]
    fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    fn blocking_twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
