// errors: 1
// The order is `(Response, State)`.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, knocks: u64) -> (DoorState, u64) {
        (DoorState::Shut, knocks)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Door).codec(portcullis::JsonLines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
