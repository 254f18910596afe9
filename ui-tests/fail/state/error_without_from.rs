// errors: 1
// A service has one error type, which must hold the errors of all handlers.
use portcullis::prelude::*;

struct Door;

#[derive(Debug)]
struct Jammed;
impl std::fmt::Display for Jammed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("jammed")
    }
}
struct Lost;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> Result<(String, DoorState), Jammed> {
        Ok((request, DoorState::Open))
    }

    #[state]
    async fn open(&self, request: String) -> Result<(String, DoorState), Lost> {
        Ok((request, DoorState::Shut))
    }
}

fn main() {}
