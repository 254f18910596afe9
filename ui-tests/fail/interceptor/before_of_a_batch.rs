// errors: 1
// The response of `#[before]` would have no place among those of the batch.
use portcullis::prelude::*;

struct Journal;

#[service]
impl Journal {
    #[before]
    async fn check(&self, entry: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(entry)
    }

    #[request(batch = 64)]
    async fn append(&self, entries: Vec<String>) -> Vec<String> {
        entries
    }
}

fn main() {}
