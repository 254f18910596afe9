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

fn main() {
    let _ = Server::new(Echo).codec(Lines::new());
}
