// errors: 1
// A flag has no value.
use portcullis::prelude::*;

#[blocking(detached = true)]
fn work() {}

fn main() {}
