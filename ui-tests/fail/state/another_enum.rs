// errors: 1
// `#[service]` generates the enum of the states.
use portcullis::prelude::*;

struct Door;

enum State {
    Shut,
}

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, State) {
        (request, State::Shut)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Door).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
