// errors: 1
// The closure runs on the event loop too, which must not block.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> Result<String, Interrupted> {
        let job = |text: String| self.words_of(text).wait();
        Ok(format!("{} words", job(text)?))
    }

    #[blocking]
    fn words_of(&self, text: String) -> usize {
        text.split_whitespace().count()
    }
}

fn main() {}
