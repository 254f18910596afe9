// errors: 4
// A renamed enum goes by its new name only.
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
