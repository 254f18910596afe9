// errors: 1
// Only a state with a time limit can time out.
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
