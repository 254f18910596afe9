// errors: 1
// An unknown option would have no effect.
use portcullis::prelude::*;

#[blocking(dedline = "2s")]
fn work() {}

fn main() {}
