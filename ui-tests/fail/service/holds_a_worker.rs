// errors: 2
// A worker belongs to its thread, and a service is on many. (It may neither be sent nor shared, which are two facts for the compiler.)
use portcullis::{Interrupted, prelude::*};

struct Words {
    worker: Worker,
}

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> Result<usize, Interrupted> {
        self.words_of(text).await
    }

    #[blocking]
    fn words_of(&self, text: String) -> Result<usize, Interrupted> {
        self.worker.check()?;
        Ok(text.split_whitespace().count())
    }
}

fn main() {}
