// errors: 1
// Only `#[service]` reads the attribute.
use portcullis::prelude::*;

struct Door;

impl Door {
    #[before]
    async fn check(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
