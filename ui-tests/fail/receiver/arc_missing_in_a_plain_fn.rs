// errors: 1
// A job may go on without its caller and owns a handle on the service; a plain `fn` with `&self` has none to give.
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
