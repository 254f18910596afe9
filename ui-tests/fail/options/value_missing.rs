// errors: 1
// A deadline needs a duration.
use portcullis::prelude::*;

#[blocking(deadline)]
fn work() {}

fn main() {}
