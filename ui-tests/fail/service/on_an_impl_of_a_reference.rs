// errors: 1
// A reference can't be owned.
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
