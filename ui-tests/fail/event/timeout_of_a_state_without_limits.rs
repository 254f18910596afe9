// errors: 1
// Only a time that is limited can end.
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

    #[on(timeout = open)]
    async fn waited(&self) -> DoorState {
        DoorState::Shut
    }
}

fn main() {}
