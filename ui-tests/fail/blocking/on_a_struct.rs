// errors: 1
// There is no body to run on a thread.
use portcullis::prelude::*;

#[blocking]
struct Work;

fn main() {}
