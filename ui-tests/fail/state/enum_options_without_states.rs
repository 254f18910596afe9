// errors: 1
// Without states there is no enum.
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
