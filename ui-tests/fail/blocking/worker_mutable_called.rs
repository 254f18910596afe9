// errors: 1
// Callers pass no worker, and get no error about a missing one.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> Result<usize, Interrupted> {
        self.words_of(text).await
    }

    #[blocking]
    fn words_of(&self, worker: &mut Worker, text: String) -> Result<usize, Interrupted> {
        worker.check()?;
        Ok(text.len())
    }
}

fn main() {}
