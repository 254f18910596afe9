// errors: 1
// Handlers run on the event loop.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
