// errors: 1
// It is read by `#[service]`.
use portcullis::prelude::*;

struct Door;

impl Door {
    #[before]
    async fn check(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
