// errors: 1
// An option is `key = value`.
use portcullis::prelude::*;

#[blocking(deadline("2s"))]
fn work() {}

fn main() {}
