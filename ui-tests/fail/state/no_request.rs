// errors: 1
// A state handles requests.
use portcullis::prelude::*;

struct Door;

#[service(request = String)]
impl Door {
    #[state(start)]
    async fn shut(&self) -> (String, DoorState) {
        (String::new(), DoorState::Shut)
    }
}

fn main() {}
