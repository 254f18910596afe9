// errors: 1
// One `#[before]` method runs before each handler.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[before]
    async fn check(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }

    #[before]
    async fn check_too(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
