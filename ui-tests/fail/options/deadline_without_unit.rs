// errors: 1
// Two of what?
use portcullis::prelude::*;

#[blocking(deadline = "2")]
fn work() {}

fn main() {}
