// errors: 1
// The options of the state enum are in `state(..)`.
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
