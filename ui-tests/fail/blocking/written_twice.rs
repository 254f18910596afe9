// errors: 1
// Each attribute would generate a function of the same name.
use portcullis::prelude::*;

#[blocking]
#[blocking]
fn work() -> u64 {
    1
}

fn main() {}
