// errors: 1
// No deadline is no option.
use portcullis::prelude::*;

#[blocking(deadline = "")]
fn work() {}

fn main() {}
