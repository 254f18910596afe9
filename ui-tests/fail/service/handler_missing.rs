// errors: 1
// A block without a handler is valid, but its type isn't a service.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    pub async fn count(&self) -> u64 {
        1
    }
}

fn main() {
    let _ = Server::new(Echo);
}
