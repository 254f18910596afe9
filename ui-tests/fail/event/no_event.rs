// errors: 1
// The event is the last parameter.
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
    async fn knocked(&self) -> DoorState {
        DoorState::Open
    }
}

fn main() {}
