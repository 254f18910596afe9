// errors: 1
// A block without states has no enum.
use portcullis::prelude::*;

struct Door;

#[service(state(name = Phase))]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }
}

fn main() {}
