// errors: 1
// `#[request = ..]` would say nothing.
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
