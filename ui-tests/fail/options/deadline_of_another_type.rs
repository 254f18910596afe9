// errors: 1
// An expression gives a `Duration`.
use portcullis::prelude::*;

const SECONDS: u64 = 2;

#[blocking(deadline = SECONDS)]
fn work() {}

fn main() {}
