// errors: 1
// A state that no body leads to is never entered; where bodies are read wrongly, `#[allow(deprecated)]` silences it.
#![deny(deprecated)]
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
