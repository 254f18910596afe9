// errors: 1
// A task may outlive the method that spawns it, which only borrows `self`.
use portcullis::prelude::*;

struct Mail;

#[service]
impl Mail {
    #[request]
    async fn receive(&self, letter: String) -> usize {
        let size = letter.len();
        tokio::spawn(async move { self.deliver(letter).await });
        size
    }

    async fn deliver(&self, letter: String) {
        drop(letter);
    }
}

fn main() {}
