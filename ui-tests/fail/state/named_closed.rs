// errors: 1
// `Closed` is the variant that ends a session.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Closed)
    }

    #[state]
    async fn closed(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
