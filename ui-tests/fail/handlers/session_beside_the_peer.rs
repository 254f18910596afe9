// errors: 1
// A session has its peer.
use portcullis::prelude::*;

struct Talk;

#[service]
impl Talk {
    #[session]
    async fn talk(&self, peer: &Peer<u64>, session: &mut Session<u64, u64>) {
        let _ = (peer.id(), session.peer());
    }
}

fn main() {}
