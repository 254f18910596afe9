// errors: 1
// A state is an identifier, the name of its handler.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start, idle = "1s")]
    async fn open(&self, line: String) -> (String, DoorState) {
        (line, DoorState::Open)
    }

    #[on(timeout = "open")]
    async fn late(&self) -> DoorState {
        DoorState::Closed
    }
}

fn main() {}
