// errors: 1
// The result's type is repeated in the `Offload`.
use portcullis::prelude::*;

#[blocking]
fn numbers(until: u64) -> impl Iterator<Item = u64> {
    0..until
}

fn main() {}
