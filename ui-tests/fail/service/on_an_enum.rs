// errors: 1
// Handlers are methods: the attribute reads an `impl` block.
use portcullis::prelude::*;

#[service]
enum Echo {}

fn main() {}
