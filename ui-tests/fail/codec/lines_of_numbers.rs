// errors: 1
// `Lines` reads and writes `String`s.
use portcullis::{Lines, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Counter).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
