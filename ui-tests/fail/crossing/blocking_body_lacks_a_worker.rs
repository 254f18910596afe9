// errors: 1
// Code on the event loop has no worker, so rustc must not suggest passing one.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> String {
        let count = self.blocking_words_of(text);
        format!("{count} words")
    }

    #[blocking]
    fn words_of(&self, text: String) -> usize {
        text.split_whitespace().count()
    }
}

fn main() {}
