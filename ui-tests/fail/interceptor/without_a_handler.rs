// errors: 1
// Interceptors run before or after handlers.
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
