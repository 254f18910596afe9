// errors: 1
// A response may be written on another thread than it was made on.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    #[request]
    async fn greet(&self, name: String) -> Rc<str> {
        name.into()
    }
}

fn main() {}
