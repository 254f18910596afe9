// errors: 1
// A number has no unit.
use portcullis::prelude::*;

#[blocking(deadline = 2)]
fn work() {}

fn main() {}
