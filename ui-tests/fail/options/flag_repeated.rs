// errors: 1
// The second flag may have been meant as another option.
use portcullis::prelude::*;

#[blocking(detached, detached)]
fn work() {}

fn main() {}
