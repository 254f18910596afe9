// errors: 1
// A format says what is in a frame, a codec where it ends.
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
