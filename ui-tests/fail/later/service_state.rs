// errors: 1
// States come in a later version, and the options of their enum with them.
use portcullis::prelude::*;

struct Echo;

#[service(state(vis = pub))]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
