// errors: 1
// A `#[session]` handler sends its responses, so its output would be discarded.
use portcullis::prelude::*;

struct Talk;

#[service]
impl Talk {
    #[session]
    async fn talk(&self, session: &mut Session<u64, u64>) -> u64 {
        session.peer().id()
    }
}

fn main() {}
