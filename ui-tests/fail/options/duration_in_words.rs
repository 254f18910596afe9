// errors: 1
// The units are `ms`, `s`, `m` and `h`, after the number.
use portcullis::prelude::*;

#[blocking(deadline = "2 seconds")]
fn wait() {}

fn main() {}
