// errors: 1
// The next request of a state may belong to another state.
use portcullis::prelude::*;

struct Journal;

#[service]
impl Journal {
    #[state(start, batch = 64)]
    async fn append(&self, entries: Vec<String>) -> (Vec<String>, JournalState) {
        (entries, JournalState::Closed)
    }
}

fn main() {}
