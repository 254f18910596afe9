// errors: 1
// A deadline applies to a job: it counts from the call, and `worker.check()` reports it.
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
