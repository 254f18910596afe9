// errors: 1
// Who calls the job hands it no worker, and is not to be told that one is missing.
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
