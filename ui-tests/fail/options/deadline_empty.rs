// errors: 1
// To set no deadline, omit the option.
use portcullis::prelude::*;

#[blocking(deadline = "")]
fn work() {}

fn main() {}
