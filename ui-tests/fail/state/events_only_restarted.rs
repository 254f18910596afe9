// errors: 1
// In such a state the limit counts from event to event anyway.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Opening)
    }

    #[state(events_only, idle = "30s", events_restart_idle)]
    async fn opening(&self, event: u32) -> (String, DoorState) {
        (event.to_string(), DoorState::Shut)
    }
}

fn main() {}
