// errors: 1
// A server's codec reads requests. The error is at the call that sets the codec.
use portcullis::{JsonLines, prelude::*};

struct Ask(u64);

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, Ask(n): Ask) -> u64 {
        n + 1
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Counter).codec(JsonLines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
