// errors: 1
// A parameter `&T` is the peer.
use portcullis::prelude::*;

struct Visit;
struct Auction;

#[service]
impl Auction {
    #[on(connect)]
    async fn connected(&self) -> Visit {
        Visit
    }

    #[request]
    async fn bid(&self, _visit: &Visit, bid: String) -> String {
        bid
    }
}

fn main() {}
