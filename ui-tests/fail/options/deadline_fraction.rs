// errors: 1
// Durations are whole numbers.
use portcullis::prelude::*;

#[blocking(deadline = "1.5s")]
fn work() {}

fn main() {}
