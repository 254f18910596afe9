// errors: 1
// A binary frame can contain a newline.
use portcullis::{NewlineDelimited, Postcard, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    let _ = Server::new(Counter).codec(NewlineDelimited::<Postcard>::new());
}
