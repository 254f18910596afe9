// errors: 1
// A `#[session]` handler reads requests from its session.
use portcullis::prelude::*;

struct Talk;

#[service]
impl Talk {
    #[session]
    async fn talk(&self, text: &mut String) {
        text.clear();
    }
}

fn main() {}
