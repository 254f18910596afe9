// errors: 1
// A session sends its responses: what it returned would go nowhere.
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
