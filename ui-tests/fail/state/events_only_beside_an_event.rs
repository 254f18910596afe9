// errors: 1
// An event of a state has one handler.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Opening)
    }

    #[state(events_only)]
    async fn opening(&self, event: u32) -> (String, DoorState) {
        (event.to_string(), DoorState::Shut)
    }

    #[event(opening)]
    async fn opened(&self, event: u32) -> (String, DoorState) {
        (event.to_string(), DoorState::Shut)
    }
}

fn main() {}
