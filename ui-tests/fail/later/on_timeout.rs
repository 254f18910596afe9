// errors: 1
// States come in a later version, and their time limits with them.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[on(timeout = greeting)]
    async fn late(&self) {}
}

fn main() {}
