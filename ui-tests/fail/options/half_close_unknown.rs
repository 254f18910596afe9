// errors: 1
// When a peer has said its last word, a pending handler is dropped or finished.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request(half_close = ignore)]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
