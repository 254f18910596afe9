// errors: 1
// A service has one response type, which the compiler compares.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: String) -> (u32, DoorState) {
        (request.len() as u32, DoorState::Shut)
    }
}

fn main() {}
