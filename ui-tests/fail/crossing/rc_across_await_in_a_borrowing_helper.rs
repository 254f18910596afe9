// errors: 1
// A helper that borrows runs in its handler's task, which moves between threads.
use portcullis::prelude::*;
use std::rc::Rc;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, line: String) -> String {
        self.slowly(&line).await
    }

    async fn slowly(&self, line: &str) -> String {
        let line: Rc<str> = line.into();
        tokio::task::yield_now().await;
        line.to_string()
    }
}

fn main() {}
