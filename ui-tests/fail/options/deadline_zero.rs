// errors: 1
// Such a job would never run.
use portcullis::prelude::*;

#[blocking(deadline = "0s")]
fn work() {}

fn main() {}
