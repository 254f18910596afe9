// errors: 1
// `flat` merges the function's error with `Interrupted`.
use portcullis::prelude::*;

#[blocking(flat)]
fn work() {}

fn main() {}
