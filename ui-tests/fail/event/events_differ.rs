// errors: 1
// A service has one event type, which the compiler compares.
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
    async fn knocked(&self, event: u32) -> DoorState {
        let _ = event;
        DoorState::Open
    }

    #[event(shut)]
    async fn rang(&self, event: String) -> DoorState {
        let _ = event;
        DoorState::Open
    }
}

fn main() {}
