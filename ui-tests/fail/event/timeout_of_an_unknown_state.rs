// errors: 1
// A slip in a state's name is named.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state(idle = "30s")]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[on(timeout = opn)]
    async fn waited(&self) -> DoorState {
        DoorState::Shut
    }
}

fn main() {}
