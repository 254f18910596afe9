// errors: 1
// The response goes to the peer, so `#[after]` only borrows it.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[after]
    async fn count(&self, _response: String) {}
}

fn main() {}
