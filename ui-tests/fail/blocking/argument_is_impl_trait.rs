// errors: 1
// The argument's type is written a second time, on the function that runs here.
use portcullis::prelude::*;

#[blocking]
fn total(numbers: impl Iterator<Item = u64> + Send + 'static) -> u64 {
    numbers.sum()
}

fn main() {}
