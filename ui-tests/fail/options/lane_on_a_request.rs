// errors: 1
// Requests of a connection are in order already; lanes are of jobs.
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
