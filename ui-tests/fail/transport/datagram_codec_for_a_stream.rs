// errors: 1
// A stream doesn't mark where a datagram ends.
use portcullis::{Datagrams, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, text: String) -> String {
        text
    }
}

fn main() {
    let _ = Server::new(Counter).codec(Datagrams::<Json>::new());
}
