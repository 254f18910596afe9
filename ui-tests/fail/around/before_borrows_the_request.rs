// errors: 1
// The request goes through it.
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
