// errors: 4
// A renamed enum has only its new name.
use portcullis::prelude::*;

struct Door;

#[service(state(name = Phase))]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
