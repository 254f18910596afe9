// errors: 2
// A request may be handled by another thread than it was read on. (The handler's future holds it, so rustc says it twice.)
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
