// errors: 1
// A request may be handled on another thread than it was read on.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    #[request]
    async fn greet(&self, name: Rc<str>) -> String {
        name.to_string()
    }
}

fn main() {}
