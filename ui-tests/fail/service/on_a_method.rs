// errors: 1
// The attribute belongs on the block.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[service]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
