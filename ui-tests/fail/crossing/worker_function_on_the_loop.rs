// errors: 1
// A function that takes a worker without being a job: nobody on the loop can call it.
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
