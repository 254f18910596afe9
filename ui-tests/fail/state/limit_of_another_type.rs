// errors: 1
// A number has no unit.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, seconds: u64) -> (u64, DoorState) {
        (seconds, DoorState::Open(seconds))
    }

    #[state(idle = patience)]
    async fn open(&self, patience: u64, request: u64) -> (u64, DoorState) {
        (request + patience, DoorState::Shut)
    }
}

fn main() {}
