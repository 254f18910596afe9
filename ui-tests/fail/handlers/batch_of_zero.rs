// errors: 1
// A handler without requests is never called.
use portcullis::prelude::*;

struct Journal;

#[service]
impl Journal {
    #[request(batch = 0)]
    async fn append(&self, entries: Vec<String>) -> Vec<String> {
        entries
    }
}

fn main() {}
