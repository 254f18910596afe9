// errors: 1
// A session starts in one of its states.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
