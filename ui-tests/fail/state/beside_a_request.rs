// errors: 1
// A service has one kind of handler.
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

    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }
}

fn main() {}
