// errors: 1
// It is unclear which of the two is meant.
use portcullis::prelude::*;

#[blocking(deadline = "2s", deadline = "3s")]
fn work() {}

fn main() {}
