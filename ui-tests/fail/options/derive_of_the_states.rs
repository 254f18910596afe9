// errors: 1
// The enum of the states has brackets of its own.
use portcullis::prelude::*;

struct Door;

#[service(derive(Debug))]
impl Door {
    #[state(start)]
    async fn open(&self, line: String) -> (String, DoorState) {
        (line, DoorState::Open)
    }
}

fn main() {}
