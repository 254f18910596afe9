// errors: 1
// `#[request]` is read by the block's attribute: alone it would do nothing.
use portcullis::prelude::*;

struct Echo;

impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
