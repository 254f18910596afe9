// errors: 1
// A peer can be sent to; the session is what requests come from.
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
