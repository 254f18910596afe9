// errors: 1
// What runs behind every handler comes in a later version.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[after]
    async fn count(&self, text: &String) {
        let _ = text.len();
    }
}

fn main() {}
