// errors: 1
// `worker.call` runs a plain function and returns its output, here a future.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> Result<usize, Interrupted> {
        let count: usize = worker.call(|| self.add(text.len()))?;
        Ok(count)
    }

    async fn add(&self, count: usize) -> usize {
        count + 1
    }
}

fn main() {}
