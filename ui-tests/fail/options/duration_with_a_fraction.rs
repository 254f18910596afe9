// errors: 1
// Durations are whole numbers of a unit.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start, idle = "1.5m")]
    async fn open(&self, line: String) -> (String, DoorState) {
        (line, DoorState::Open)
    }
}

fn main() {}
