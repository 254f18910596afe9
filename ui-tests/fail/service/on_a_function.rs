// errors: 1
// The attribute reads the methods of an `impl` block.
use portcullis::prelude::*;

#[service]
async fn echo(text: String) -> String {
    text
}

fn main() {}
