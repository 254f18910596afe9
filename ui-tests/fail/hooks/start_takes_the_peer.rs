// errors: 1
// `#[on(start)]` runs before the first connection.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(start)]
    async fn started(&self, peer: &Peer<u64>) {
        peer.close();
    }
}

fn main() {}
