// errors: 2
// Who calls the job hands it no worker. (By value it may be a type of the user's, so that the compiler tells of the call as well.)
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
