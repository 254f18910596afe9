// errors: 1
// Requests of a connection are handled in order already. Lanes apply to jobs.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request(lane = text)]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
