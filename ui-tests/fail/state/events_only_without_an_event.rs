// errors: 1
// Only an event calls the handler.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Opening)
    }

    #[state(events_only)]
    async fn opening(&self) -> (String, DoorState) {
        (String::new(), DoorState::Shut)
    }
}

fn main() {}
