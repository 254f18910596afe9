// errors: 1
// The wait can fail, and the function's return type can't hold an error.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> String {
        let total = self.add(text.len()).wait(worker)?;
        format!("{total} words")
    }

    async fn add(&self, count: usize) -> usize {
        count + 1
    }
}

fn main() {}
