// errors: 1
// The first of the two counts, so that the codec is not told of a `Result`.
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
