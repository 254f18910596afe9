// errors: 1
// A handler responds to a request.
use portcullis::prelude::*;

struct Clock;

#[service]
impl Clock {
    #[request]
    async fn time(&self) -> u64 {
        0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Clock).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
