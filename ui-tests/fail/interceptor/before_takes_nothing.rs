// errors: 1
// `#[before]` passes the request on to the handler, so it takes it.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[before]
    async fn check(&self) -> ControlFlow<String, String> {
        ControlFlow::Break(String::new())
    }
}

fn main() {}
