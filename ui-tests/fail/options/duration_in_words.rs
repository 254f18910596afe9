// errors: 1
// Units are `ms`, `s`, `m` and `h`, behind the number.
use portcullis::prelude::*;

#[blocking(deadline = "2 seconds")]
fn wait() {}

fn main() {}
