// errors: 1
// A service has one type of requests, compared by the compiler.
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
