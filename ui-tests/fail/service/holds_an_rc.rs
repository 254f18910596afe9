// errors: 2
// Connections and jobs share a service between threads. `Send` and `Sync` are two errors of rustc.
use portcullis::prelude::*;
use std::rc::Rc;

struct Greeter {
    greeting: Rc<str>,
}

#[service]
impl Greeter {
    #[request]
    async fn greet(&self, name: String) -> String {
        format!("{}, {name}", self.greeting)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let greeter = Greeter { greeting: "Hello".into() };
    Server::new(greeter).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
