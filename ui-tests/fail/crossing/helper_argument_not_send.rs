// errors: 1
// A helper's future owns its arguments and must be `Send`.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    async fn greet(&self, name: Rc<str>) -> String {
        name.to_string()
    }
}

fn main() {}
