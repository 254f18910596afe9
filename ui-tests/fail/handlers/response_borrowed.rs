// errors: 1
// The response goes out after the handler is done.
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
