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
    async fn check(&self, request: u32) -> ControlFlow<String, u32> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
