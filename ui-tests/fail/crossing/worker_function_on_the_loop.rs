// errors: 1
// Code on the event loop has no worker, so it can't call a function that takes one.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> Result<usize, Interrupted> {
        let count = self.words_of(text).await?;
        Ok(count)
    }

    fn words_of(&self, worker: &Worker, text: String) -> Result<usize, Interrupted> {
        worker.check()?;
        Ok(text.split_whitespace().count())
    }
}

fn main() {}
