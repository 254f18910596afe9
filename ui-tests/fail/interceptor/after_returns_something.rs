// errors: 1
// The output of `#[after]` would be discarded.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[after]
    async fn count(&self, _response: &String) -> u32 {
        0
    }
}

fn main() {}
