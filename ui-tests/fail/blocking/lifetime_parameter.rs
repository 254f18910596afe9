// errors: 1
// A job may outlive every reference.
use portcullis::prelude::*;

#[blocking]
fn work<'a>() -> u64 {
    1
}

fn main() {}
