// errors: 1
// A server needs somebody who answers. (`Server` asks in two places.)
use portcullis::prelude::*;

struct Echo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
