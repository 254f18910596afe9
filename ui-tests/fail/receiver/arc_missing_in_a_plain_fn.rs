// errors: 1
// A job may outlive its caller and owns an `Arc`, which a plain `fn` with `&self` doesn't have.
use portcullis::prelude::*;

struct Mail;

#[service]
impl Mail {
    fn receive(&self, letter: String) {
        drop(self.deliver(letter));
    }

    #[blocking]
    fn deliver(&self, letter: String) {
        drop(letter);
    }
}

fn main() {}
