// errors: 1
// The response is written after the handler has returned.
use portcullis::prelude::*;

struct Greeter {
    greeting: String,
}

#[service]
impl Greeter {
    #[request]
    async fn greet(&self, _name: String) -> &str {
        &self.greeting
    }
}

fn main() {}
