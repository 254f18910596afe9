// errors: 1
// A format defines the content of a frame, a codec where it ends.
use portcullis::{LengthPrefixed, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    let _ = Server::new(Counter).codec(LengthPrefixed::<String>::new());
}
