// errors: 1
// An event handler takes the state's data.
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

    #[event(open)]
    async fn knocked(&self, _times: u32, event: u32) -> DoorState {
        let _ = event;
        DoorState::Open
    }
}

fn main() {}
