// errors: 1
// Jobs and connections own the service.
use portcullis::prelude::*;

struct Greeter<'a> {
    greeting: &'a str,
}

#[service]
impl Greeter<'_> {
    #[request]
    async fn greet(&self, name: String) -> String {
        format!("{}, {name}", self.greeting)
    }
}

fn main() {}
