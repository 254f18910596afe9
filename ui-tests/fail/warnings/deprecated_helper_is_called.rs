// errors: 2
// Generated code calls deprecated methods without a warning. The user's calls do warn.
#![deny(deprecated)]
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> String {
        self.add(1).await;
        let _ = self.sum(1).await;
        text
    }

    #[deprecated(note = "write `+`")]
    async fn add(&self, n: u32) -> u32 {
        n
    }

    #[deprecated(note = "write `+`")]
    #[blocking]
    fn sum(&self, n: u32) -> u32 {
        n
    }
}

fn main() {
    let _ = Server::new(Words);
}
