// errors: 1
// A server needs an address to listen on.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Counter).codec(portcullis::JsonLines::new()).run_until_signal()?;
    Ok(())
}
