//! A state without the feature `server` is one error.
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
}

fn main() {}
