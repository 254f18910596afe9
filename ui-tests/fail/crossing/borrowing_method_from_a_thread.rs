// errors: 1
// An `async fn` that borrows its arguments stays on the loop.
use portcullis::{Interrupted, prelude::*};

struct Greeter;

#[service]
impl Greeter {
    #[blocking]
    fn shout(&self, worker: &Worker) -> Result<String, Interrupted> {
        let greeting = self.greet("you").wait(worker)?;
        Ok(greeting.to_uppercase())
    }

    async fn greet(&self, name: &str) -> String {
        format!("hello, {name}")
    }
}

fn main() {}
