// errors: 1
// A helper can be spawned, and awaited from a thread, so its future must be `Send`.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    async fn greet(&self, name: String) -> String {
        let name: Rc<str> = name.into();
        self.pause().await;
        name.to_string()
    }

    async fn pause(&self) {}
}

fn main() {}
