// errors: 1
// A thread may outlive the method that spawns it, which only borrows `self`.
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
