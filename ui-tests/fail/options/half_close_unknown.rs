// errors: 1
// When the peer half-closes, a pending handler is cancelled or finishes.
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
