// errors: 1
// Requests come from the session. A peer can only send.
use std::convert::Infallible;

use portcullis::prelude::*;

struct Talk;

#[service]
impl Talk {
    #[session]
    async fn talk(&self, peer: &mut Peer<String>) -> Result<(), Infallible> {
        let _ = peer.send("hello".to_owned()).await;
        Ok(())
    }
}

fn main() {}
