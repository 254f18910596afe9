// errors: 3
// `#[must_use]` of a helper applies to its output and its call. rustc reports the future as well.
#![forbid(unused_must_use)]
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> String {
        self.add(1);
        self.add(2).await;
        text
    }

    #[must_use = "nothing is counted otherwise"]
    async fn add(&self, n: u32) -> u32 {
        n
    }
}

fn main() {
    let _ = Server::new(Words);
}
