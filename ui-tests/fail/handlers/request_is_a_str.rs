// errors: 1
// The handler owns the request, because the codec doesn't keep it.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, line: &str) -> String {
        line.to_owned()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
