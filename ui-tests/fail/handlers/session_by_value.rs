// errors: 1
// The connection continues after the handler, so the session is borrowed.
use portcullis::prelude::*;

struct Talk;

#[service]
impl Talk {
    #[session]
    async fn talk(&self, session: Session<u64, u64>) {
        let _ = session.peer();
    }
}

fn main() {}
