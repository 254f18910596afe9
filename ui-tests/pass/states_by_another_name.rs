//! Aliases of results and pairs. The start state can come from a fallible hook.
#![deny(warnings)]

use portcullis::prelude::*;
use std::io;

struct Door;
type Next = (String, DoorState);

#[service(request = String, response = String, state(derive(Debug)))]
impl Door {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, u32>) -> io::Result<(u64, DoorState)> {
        Ok((peer.id(), DoorState::Shut(0)))
    }

    #[state(start, max_duration = WITHIN)]
    async fn shut(&self, knocks: u32, request: String) -> io::Result<Next> {
        Ok((request, DoorState::Shut(knocks + 1)))
    }

    #[event(shut)]
    async fn opened(&self, _knocks: u32, by: u32) -> io::Result<DoorState> {
        Ok(DoorState::Shut(by))
    }

    #[on(timeout = shut)]
    async fn waited(&self, _knocks: u32) -> Next {
        (String::new(), DoorState::Closed)
    }

    #[on(disconnect)]
    async fn left(&self, _id: u64, last: Option<DoorState>, _reason: Reason) {
        let _ = format!("{last:?}");
    }
}

const WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

fn main() {
    let _ = Door;
}
