// errors: 1
// Options are separated by commas.
use portcullis::prelude::*;

#[blocking(detached deadline = "2s")]
fn work() {}

fn main() {}
