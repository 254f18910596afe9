// errors: 1
// Handlers are `async fn`s: the return type is the response.
use std::future::Future;

use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    fn echo(&self, text: String) -> impl Future<Output = String> {
        async { text }
    }
}

fn main() {}
