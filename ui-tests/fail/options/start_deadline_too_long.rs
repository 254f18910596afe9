// errors: 1
// A job that has not begun by its `deadline` never runs anyway.
use portcullis::prelude::*;

#[blocking(deadline = "1s", start_deadline = "2s")]
fn work() {}

fn main() {}
