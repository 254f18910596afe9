// errors: 1
// The compiler compares the types.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[request]
    async fn ask(&self, request: String) -> String {
        request
    }

    #[before]
    async fn check(&self, request: String) -> ControlFlow<u32, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
