// errors: 1
// A batch may have several requests.
use portcullis::prelude::*;

struct Journal;

#[service]
impl Journal {
    #[request(batch = 64)]
    async fn append(&self, entry: String) -> Vec<String> {
        vec![entry]
    }
}

fn main() {}
