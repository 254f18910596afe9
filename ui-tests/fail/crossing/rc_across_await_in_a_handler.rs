// errors: 1
// A session's task may move to another thread at each `.await`.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    #[request]
    async fn greet(&self, name: String) -> String {
        let name: Rc<str> = name.into();
        self.pause().await;
        name.to_string()
    }

    async fn pause(&self) {}
}

fn main() {}
