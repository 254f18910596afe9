// errors: 1
// Only `#[service]` reads the attribute. Alone it would have no effect.
use portcullis::prelude::*;

struct Smtp;

impl Smtp {
    #[state(start)]
    async fn greeting(&self, hello: String) -> String {
        hello
    }
}

fn main() {}
