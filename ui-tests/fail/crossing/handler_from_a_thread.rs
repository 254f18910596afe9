// errors: 1
// A handler's future borrows the service, and a thread waits for nothing that borrows.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> usize {
        text.len()
    }

    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> Result<usize, Interrupted> {
        let other = self.count(text.clone()).wait(worker)?;
        Ok(text.len() + other)
    }
}

fn main() {}
