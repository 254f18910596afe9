// errors: 1
// The expression must be a `Duration`.
use portcullis::prelude::*;

const SECONDS: u64 = 2;

#[blocking(start_deadline = SECONDS)]
fn work() {}

fn main() {}
