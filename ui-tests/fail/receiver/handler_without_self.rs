// errors: 1
// A handler is a method of the service.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(text: String) -> String {
        text
    }
}

fn main() {}
