// errors: 1
// An option is written `name = value`.
use portcullis::prelude::*;

#[blocking(deadline("2s"))]
fn work() {}

fn main() {}
