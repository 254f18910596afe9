// errors: 1
// Other tasks send to the same peer.
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
