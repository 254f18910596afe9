// errors: 1
// No handler returns a response.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, _request: String) -> DoorState {
        DoorState::Shut
    }
}

fn main() {}
