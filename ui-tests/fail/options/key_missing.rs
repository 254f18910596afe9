// errors: 1
// A value alone doesn't select an option.
use portcullis::prelude::*;

#[blocking("2s")]
fn work() {}

fn main() {}
