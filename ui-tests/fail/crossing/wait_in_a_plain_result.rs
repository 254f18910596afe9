// errors: 1
// The wait may end early, and this function's result has no room for that.
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
