// errors: 1
// An unused helper is reported with its neighbours, like a plain method.
#![deny(dead_code)]
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    const NEVER: u8 = 0;

    #[request]
    async fn count(&self, text: String) -> String {
        text
    }

    async fn add(&self, n: u32) -> u32 {
        n
    }

    async fn look(&self, n: &u32) -> u32 {
        *n
    }

    fn plain(&self) {}
}

fn main() {
    let _ = Server::new(Words);
}
