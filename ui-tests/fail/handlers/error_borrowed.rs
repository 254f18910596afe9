// errors: 1
// An error ends the session, after the handler has returned.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> Result<String, &str> {
        if text.is_empty() { Err("empty") } else { Ok(text) }
    }
}

fn main() {}
