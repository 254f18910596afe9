// errors: 1
// A timeout has no request.
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

    #[on(timeout = open)]
    async fn waited(&self, _request: String) -> DoorState {
        DoorState::Shut
    }
}

fn main() {}
