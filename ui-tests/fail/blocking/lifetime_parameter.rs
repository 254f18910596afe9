// errors: 1
// A job outlives every borrow.
use portcullis::prelude::*;

#[blocking]
fn work<'a>() -> u64 {
    1
}

fn main() {}
