// errors: 1
// A helper that borrows is a part of the handler that awaits it, and moves between threads with it.
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
