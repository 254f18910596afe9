// errors: 1
// Options are in parentheses.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request = "wire"]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
