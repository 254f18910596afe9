// errors: 1
// `start` in quotes is one error. A missing start state isn't reported as well.
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
