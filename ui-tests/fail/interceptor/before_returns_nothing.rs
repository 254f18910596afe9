// errors: 1
// `#[before]` returns the request for the handler, or the response.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[before]
    async fn check(&self, _request: String) {}
}

fn main() {}
