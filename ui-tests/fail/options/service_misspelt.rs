// errors: 1
// An unknown option would have no effect.
use portcullis::prelude::*;

struct Echo;

#[service(reqest = String)]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
