// errors: 1
// A job may outlive its caller, which owns the slice.
use portcullis::prelude::*;

#[blocking]
fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

fn main() {}
