// errors: 2
// An unused blocking method is reported with its neighbours, an unused blocking function alone.
#![deny(dead_code)]
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> String {
        text
    }

    #[blocking]
    fn sum(&self, n: u32) -> u32 {
        n
    }

    fn plain(&self) {}
}

#[blocking]
fn product(n: u32) -> u32 {
    n
}

fn main() {
    let _ = Server::new(Words);
}
