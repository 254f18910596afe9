// errors: 1
// There is no body that could run on a thread.
use portcullis::prelude::*;

#[blocking]
struct Work;

fn main() {}
