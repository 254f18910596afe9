// errors: 1
// The argument's type is repeated on the second function.
use portcullis::prelude::*;

#[blocking]
fn total(numbers: impl Iterator<Item = u64> + Send + 'static) -> u64 {
    numbers.sum()
}

fn main() {}
