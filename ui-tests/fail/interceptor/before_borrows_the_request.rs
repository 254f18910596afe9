// errors: 1
// `#[before]` passes the request on to the handler, so it owns it.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[before]
    async fn check(&self, request: &String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request.clone())
    }
}

fn main() {}
