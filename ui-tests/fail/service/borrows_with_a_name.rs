// errors: 1
// Jobs own the service.
use portcullis::prelude::*;

struct Greeter<'a> {
    greeting: &'a str,
}

#[service]
impl<'a> Greeter<'a> {
    #[blocking]
    fn greet(&self, name: String) -> String {
        format!("{}, {name}", self.greeting)
    }
}

fn main() {}
