// errors: 2
// `#[must_use]` of a helper is that of the method that is called. (Its future must be used as well, which rustc says apart.)
#![forbid(unused_must_use)]
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> String {
        self.add(1);
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
