// errors: 1
// A service has one request type.
use portcullis::prelude::*;

struct Echo;

#[service(request = String, request = String)]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
