// errors: 1
// A duration has a unit.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start, max_duration = "30 parsecs")]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
