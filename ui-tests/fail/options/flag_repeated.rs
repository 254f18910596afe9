// errors: 1
// Once is enough: the second may have been meant as something else.
use portcullis::prelude::*;

#[blocking(detached, detached)]
fn work() {}

fn main() {}
