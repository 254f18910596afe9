// errors: 1
// One `#[after]` method runs after each handler.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[after]
    async fn count(&self, _response: &String) {}

    #[after]
    async fn count_too(&self, _response: &String) {}
}

fn main() {}
