// errors: 1
// Nobody on the loop has a worker, so rustc must not ask for one.
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
