// errors: 1
// A slip of the pen is more likely than a meaning.
use portcullis::prelude::*;

#[blocking(deadline = "30s1m")]
fn work() {}

fn main() {}
