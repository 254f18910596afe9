// errors: 1
// There is no type that could be owned.
use portcullis::prelude::*;

struct Echo;

#[service]
impl &Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
