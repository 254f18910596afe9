// errors: 1
// Events cause transitions of a state machine.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[event(open)]
    async fn knocked(&self, _event: u32) {}
}

fn main() {}
