// errors: 2
// A worker can't leave its thread. `Send` and `Sync` are two errors of rustc.
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
