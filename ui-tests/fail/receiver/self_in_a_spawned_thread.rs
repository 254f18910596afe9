// errors: 1
// A thread may outlive the method that starts it, and `self` is lent.
use portcullis::prelude::*;

struct Mail {
    host: String,
}

#[service]
impl Mail {
    #[blocking]
    fn warm(&self) {
        std::thread::spawn(move || drop(self.host.len()));
    }
}

fn main() {}
