// errors: 1
// `#[state]` comes in a later version, and goes into a block.
use portcullis::prelude::*;

struct Smtp;

impl Smtp {
    #[state(start)]
    async fn greeting(&self, hello: String) -> String {
        hello
    }
}

fn main() {}
