// errors: 1
// An unknown option would have no effect.
use portcullis::prelude::*;

#[blocking(priority = 3)]
fn work() {}

fn main() {}
