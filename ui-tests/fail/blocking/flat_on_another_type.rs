// errors: 1
// `flat` merges the function's error with `Interrupted`, and a number has no error.
use portcullis::prelude::*;

#[blocking(flat)]
fn work() -> u64 {
    1
}

fn main() {}
