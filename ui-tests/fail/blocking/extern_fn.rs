// errors: 1
// A job is Rust: only Rust calls it.
use portcullis::prelude::*;

#[blocking]
extern "C" fn sum(a: u64, b: u64) -> u64 {
    a + b
}

fn main() {}
