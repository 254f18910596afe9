// errors: 1
// A misspelt option gets a suggestion.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(strat)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }

    #[state(start)]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
