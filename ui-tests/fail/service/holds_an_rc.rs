// errors: 2
// A service is shared by its connections and jobs, on many threads. (It may neither be sent nor shared, which are two facts for the compiler.)
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
