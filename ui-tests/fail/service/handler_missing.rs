// errors: 1
// A block without a handler is legal, and no service. (`Server` asks in two places.)
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
