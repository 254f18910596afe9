// errors: 1
// Types are compared by the compiler.
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
