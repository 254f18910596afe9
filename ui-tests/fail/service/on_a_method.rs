// errors: 1
// The attribute is the block's.
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
