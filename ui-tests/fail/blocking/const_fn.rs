// errors: 1
// A job is created at run time, on a pool that exists at run time.
use portcullis::prelude::*;

#[blocking]
const fn twice(n: u64) -> u64 {
    n * 2
}

fn main() {}
