// errors: 1
// `#[on(connect)]` returns the connection's value here, and no state.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[state(start)]
    async fn shut(&self, _conn: &mut u64, attempts: u8, request: String) -> (String, DoorState) {
        (request, DoorState::Shut(attempts))
    }
}

fn main() {}
