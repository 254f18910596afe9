// errors: 1
// It runs around handlers.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[before]
    async fn check(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
