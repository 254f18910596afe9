// errors: 1
// An event handler takes the state's data.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open(1))
    }

    #[state]
    async fn open(&self, times: u32, request: String) -> (String, DoorState) {
        (format!("{request} {times}"), DoorState::Shut)
    }

    #[event(open)]
    async fn knocked(&self, _event: String) -> DoorState {
        DoorState::Shut
    }
}

fn main() {}
