// errors: 2
// Callers pass no worker. By value the type may be the user's, so rustc reports the call as well.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> Result<usize, Interrupted> {
        self.words_of(text).await
    }

    #[blocking]
    fn words_of(&self, worker: Worker, text: String) -> Result<usize, Interrupted> {
        worker.check()?;
        Ok(text.len())
    }
}

fn main() {}
