// errors: 1
// The attribute reads the methods of an `impl` block.
use portcullis::prelude::*;

#[service]
struct Echo;

fn main() {}
