// errors: 1
// The job is made at run time, on a pool that exists at run time.
use portcullis::prelude::*;

#[blocking]
const fn twice(n: u64) -> u64 {
    n * 2
}

fn main() {}
