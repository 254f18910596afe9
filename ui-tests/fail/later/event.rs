// errors: 1
// Events come in a later version.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[event]
    async fn told(&self, news: String) {
        drop(news);
    }
}

fn main() {}
