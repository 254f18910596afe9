// errors: 1
// Without a limit, the option has no effect.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start, events_restart_idle)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[event(shut)]
    async fn knocked(&self, times: u8) -> (String, DoorState) {
        ("knock".repeat(times.into()), DoorState::Shut)
    }
}

fn main() {}
