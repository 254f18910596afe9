// errors: 1
// A session's task may move to another thread at each `.await`.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter;

#[service]
impl Greeter {
    #[session]
    async fn greet(&self, session: &mut Session<String, String>) {
        let name: Rc<str> = "nobody".into();
        let _ = session.next().await;
        drop(name);
    }
}

fn main() {}
