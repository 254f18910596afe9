// errors: 1
// The service's `Response` is a type that can be named.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, line: String) -> impl std::fmt::Display {
        line
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
