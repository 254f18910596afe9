// errors: 1
// A transition provides the data of the next state.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state]
    async fn open(&self, times: u32, request: String) -> (String, DoorState) {
        (format!("{request} {times}"), DoorState::Shut)
    }
}

fn main() {}
