// errors: 1
// A name that was not imported is one mistake, however often the expansion repeats it.
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
