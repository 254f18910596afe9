// errors: 1
// An option that is not known would be dropped in silence.
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
