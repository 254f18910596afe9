// errors: 1
// The compiler compares the types.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[after]
    async fn count(&self, _response: &u32) {}
}

fn main() {}
