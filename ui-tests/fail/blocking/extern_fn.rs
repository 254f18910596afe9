// errors: 1
// Only Rust code calls a job.
use portcullis::prelude::*;

#[blocking]
extern "C" fn sum(a: u64, b: u64) -> u64 {
    a + b
}

fn main() {}
