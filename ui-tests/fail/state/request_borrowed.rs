// errors: 1
// The handler takes the request by value.
use portcullis::prelude::*;

struct Door;

#[service(request = String)]
impl Door {
    #[state(start)]
    async fn shut(&self, request: &str) -> (String, DoorState) {
        (request.to_owned(), DoorState::Shut)
    }
}

fn main() {}
