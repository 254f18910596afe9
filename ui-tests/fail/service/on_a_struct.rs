// errors: 1
// Handlers are methods: the attribute reads an `impl` block.
use portcullis::prelude::*;

#[service]
struct Echo;

fn main() {}
