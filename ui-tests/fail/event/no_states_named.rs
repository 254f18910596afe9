// errors: 1
// An event applies to certain states.
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

    #[event]
    async fn knocked(&self, event: u32) -> DoorState {
        let _ = event;
        DoorState::Open
    }
}

fn main() {}
