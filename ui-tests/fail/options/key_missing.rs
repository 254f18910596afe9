// errors: 1
// A value alone does not say what it is.
use portcullis::prelude::*;

#[blocking("2s")]
fn work() {}

fn main() {}
