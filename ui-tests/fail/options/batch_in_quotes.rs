// errors: 1
// The number is not text.
use portcullis::prelude::*;

struct Journal;

#[service]
impl Journal {
    #[request(batch = "64")]
    async fn append(&self, entries: Vec<String>) -> Vec<String> {
        entries
    }
}

fn main() {}
