// errors: 1
// A session starts in one of its states.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state(start)]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
