// errors: 1
// A codec decodes requests of some type, also if none is handled.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start, events_only)]
    async fn opening(&self, event: u32) -> (String, DoorState) {
        (event.to_string(), DoorState::Closed)
    }
}

fn main() {}
