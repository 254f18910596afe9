// errors: 1
// A `#[session]` handler reads its requests itself.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) {
        let _ = session.next().await;
    }

    #[before]
    async fn check(&self, request: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(request)
    }
}

fn main() {}
