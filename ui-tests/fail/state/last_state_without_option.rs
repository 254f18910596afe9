// errors: 1
// A handler that was running when the connection ended has taken the state.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[on(disconnect)]
    async fn left(&self, _last: DoorState, _reason: Reason) {}
}

fn main() {}
