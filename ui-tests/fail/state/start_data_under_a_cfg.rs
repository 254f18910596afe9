// errors: 1
// Without the hook, a session would start in a state without its data.
use portcullis::prelude::*;

struct Service;

#[service]
impl Service {
    #[cfg(any())]
    #[on(connect)]
    async fn connected(&self) -> ServiceState {
        ServiceState::Asked(3)
    }

    #[state(start)]
    async fn asked(&self, attempts: u8, request: u64) -> (u64, ServiceState) {
        (request, ServiceState::Asked(attempts))
    }
}

fn main() {}
