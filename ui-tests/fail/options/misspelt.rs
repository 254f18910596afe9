// errors: 1
// An option that is not known would be dropped in silence.
use portcullis::prelude::*;

#[blocking(dedline = "2s")]
fn work() {}

fn main() {}
