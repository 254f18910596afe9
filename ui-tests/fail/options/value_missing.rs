// errors: 1
// A deadline of which length?
use portcullis::prelude::*;

#[blocking(deadline)]
fn work() {}

fn main() {}
