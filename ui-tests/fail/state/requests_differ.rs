// errors: 1
// A service has one request type, which the compiler compares.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: u32) -> (String, DoorState) {
        (request.to_string(), DoorState::Shut)
    }
}

fn main() {}
