// errors: 1
// A job may outlive its caller, and a slice is the caller's.
use portcullis::prelude::*;

#[blocking]
fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

fn main() {}
