// errors: 1
// What runs ahead of every handler comes in a later version.
use portcullis::prelude::*;
use std::ops::ControlFlow;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[before]
    async fn limit(&self, text: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(text)
    }
}

fn main() {}
