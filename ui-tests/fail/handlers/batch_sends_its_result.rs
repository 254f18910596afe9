// errors: 1
// The response to each request is an element of the list.
use portcullis::prelude::*;

struct Journal;

#[service]
impl Journal {
    #[request(batch = 64, send_result)]
    async fn append(&self, entries: Vec<String>) -> Result<Vec<String>, String> {
        Ok(entries)
    }
}

fn main() {}
