// errors: 1
// What was meant to be `start` is reported once, and not missed besides.
use portcullis::prelude::*;

struct Door;

#[service(response = u64)]
impl Door {
    #[state("start")]
    async fn shut(&self, _knocks: u64) -> DoorState {
        DoorState::Shut
    }
}

fn main() {}
