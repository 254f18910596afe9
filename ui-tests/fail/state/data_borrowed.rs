// errors: 1
// The session keeps a state's data between requests.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open("x"))
    }

    #[state]
    async fn open(&self, name: &str, request: String) -> (String, DoorState) {
        (request + name, DoorState::Shut)
    }
}

fn main() {}
