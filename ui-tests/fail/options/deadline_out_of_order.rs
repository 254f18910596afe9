// errors: 1
// Units go from large to small, so this is probably a mistake.
use portcullis::prelude::*;

#[blocking(deadline = "30s1m")]
fn work() {}

fn main() {}
