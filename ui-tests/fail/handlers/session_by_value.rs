// errors: 1
// The session is lent: the connection goes on after the handler.
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
