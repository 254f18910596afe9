//! In a machine that responds only through its peer, the peer's type is the response.
#![deny(warnings)]
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, peer: &Peer<String>, request: String) -> DoorState {
        let _ = peer.send(request).await;
        DoorState::Shut
    }
}

fn main() {
    let _ = Server::new(Door).codec(Lines::new());
}
