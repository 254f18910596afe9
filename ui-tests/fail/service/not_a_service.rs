// errors: 1
// A server needs a type that handles requests.
use portcullis::prelude::*;

struct Echo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
