// errors: 1
// The limit counts while there is no request.
use portcullis::prelude::*;
use std::time::Duration;

struct Door;

#[service]
impl Door {
    #[state(start, idle = request)]
    async fn shut(&self, request: Duration) -> (Duration, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
