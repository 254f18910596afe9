// errors: 1
// A handler is a method of a service.
use portcullis::prelude::*;

#[request]
async fn echo(text: String) -> String {
    text
}

fn main() {}
