// errors: 1
// With the hook's `cfg` off a session would begin in a state that nothing has made.
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
