// errors: 1
// A flag is there or it is not.
use portcullis::prelude::*;

#[blocking(detached = true)]
fn work() {}

fn main() {}
