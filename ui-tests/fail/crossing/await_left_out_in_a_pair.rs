// errors: 1
// A call of a job is its future, and a handler returns a value.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[state(start)]
    async fn length(&self, text: String) -> (u64, WordsState) {
        if text.is_empty() { (0, WordsState::Closed) } else { (self.count(text), WordsState::Length) }
    }

    #[blocking]
    fn count(&self, text: String) -> u64 {
        text.len() as u64
    }
}

fn main() {}
