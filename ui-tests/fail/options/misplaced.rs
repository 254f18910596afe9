// errors: 1
// A deadline is the job's: it is counted from the call, and the thread is told.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request(deadline = "2s")]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
