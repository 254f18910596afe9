// errors: 1
// It lets a request pass or answers it.
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
