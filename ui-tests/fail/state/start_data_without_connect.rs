// errors: 1
// The data of the start state comes from `#[on(connect)]`.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, attempts: u8, request: String) -> (String, DoorState) {
        (request, DoorState::Shut(attempts))
    }
}

fn main() {}
