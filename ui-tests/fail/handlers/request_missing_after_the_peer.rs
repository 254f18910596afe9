// errors: 1
// A handler responds to a request.
use portcullis::prelude::*;

struct Clock;

#[service]
impl Clock {
    #[request]
    async fn time(&self, peer: &Peer<u64>) -> u64 {
        peer.id()
    }
}

fn main() {}
