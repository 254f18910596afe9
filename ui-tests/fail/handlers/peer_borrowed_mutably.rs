// errors: 1
// A peer is shared with whoever else sends to it.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, peer: &mut Peer<String>, text: String) -> String {
        let _ = peer.send(text.clone()).await;
        text
    }
}

fn main() {}
