// errors: 1
// The first attribute counts, so that the codec isn't compared with a `Result`.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    #[request(send_result)]
    async fn echo(&self, line: String) -> Result<String, String> {
        Ok(line)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
