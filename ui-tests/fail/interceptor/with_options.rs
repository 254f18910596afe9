// errors: 1
// The attribute has no options.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[before(first)]
    async fn check(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
