// errors: 1
// `last` is an `Option` of the state enum.
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

    #[on(disconnect)]
    async fn left(&self, _last: Option<u8>, _reason: Reason) {}
}

fn main() {}
