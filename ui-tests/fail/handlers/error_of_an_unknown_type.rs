// errors: 1
// A missing import is one error, although the expansion repeats the name.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> Result<String, EchoError> {
        Ok(text)
    }
}

fn main() {}
