// errors: 1
// A method has one role. `Server::new` doesn't report a missing service as well.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    #[blocking]
    fn count(&self, text: String) -> String {
        text
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Words).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
