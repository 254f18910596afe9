// errors: 1
// An option that is not known would be dropped in silence.
use portcullis::prelude::*;

#[blocking(priority = 3)]
fn work() {}

fn main() {}
