// errors: 1
// A `#[session]` handler sends its responses itself.
use portcullis::prelude::*;

struct Talk;

#[service]
impl Talk {
    #[session(send_result)]
    async fn talk(&self, session: &mut Session<u64, u64>) {
        let _ = session.peer();
    }
}

fn main() {}
