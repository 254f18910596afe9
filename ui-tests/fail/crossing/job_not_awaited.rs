// errors: 1
// A call of a job returns a future, not the value.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> usize {
        self.words_of(text) + 1
    }

    #[blocking]
    fn words_of(&self, text: String) -> usize {
        text.split_whitespace().count()
    }
}

fn main() {}
