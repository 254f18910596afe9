// errors: 1
// Hooks run in the session's task, which moves between threads.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    #[request]
    async fn greet(&self, name: String) -> String {
        name
    }

    #[on(stop)]
    async fn stopped(&self) {
        let name: Rc<str> = "nobody".into();
        self.pause().await;
        drop(name);
    }

    async fn pause(&self) {}
}

fn main() {}
