// errors: 1
// Without events, the option has no effect.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[state(start, idle = "30s", events_restart_idle)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }
}

fn main() {}
