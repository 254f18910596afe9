// errors: 1
// The peer takes the service's responses.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, peer: &Peer<String>, n: u64) -> u64 {
        n + peer.id()
    }
}

fn main() {}
