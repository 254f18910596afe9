// errors: 1
// A trait doesn't declare what is generated. `Server::new` doesn't report a missing service as
// well.
use portcullis::prelude::*;

struct Echo;

trait Answers {
    async fn echo(&self, line: String) -> String;
}

#[service]
impl Answers for Echo {
    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
