// errors: 1
// Only `#[service]` reads the attribute. Alone it would have no effect.
use portcullis::prelude::*;

struct Echo;

impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
