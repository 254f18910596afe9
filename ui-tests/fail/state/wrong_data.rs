// errors: 1
// A state's data has the types of its handler's parameters.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open(1_u32))
    }

    #[state]
    async fn open(&self, times: String, _request: String) -> (String, DoorState) {
        (times, DoorState::Shut)
    }
}

fn main() {}
