// errors: 1
// Handlers are methods: the attribute reads an `impl` block.
use portcullis::prelude::*;

#[service]
async fn echo(text: String) -> String {
    text
}

fn main() {}
