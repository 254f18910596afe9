// errors: 2
// A block doesn't see another: the first lacks the state that the second has.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Open)
    }
}

#[service]
impl Door {
    #[state]
    async fn open(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Closed)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Door).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
