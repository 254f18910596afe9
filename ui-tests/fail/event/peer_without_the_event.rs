// errors: 1
// In a service with events, the peer's type names the event type.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[event(open)]
    async fn knocked(&self, _peer: &Peer<String>, event: u32) -> DoorState {
        let _ = event;
        DoorState::Open
    }
}

fn main() {}
