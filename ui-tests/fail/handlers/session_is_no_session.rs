// errors: 1
// A session handler asks its session for requests.
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
