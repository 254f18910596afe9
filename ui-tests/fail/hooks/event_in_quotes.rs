// errors: 1
// An event is an identifier.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[on("connect")]
    async fn connected(&self) {}
}

fn main() {}
