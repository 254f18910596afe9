// errors: 1
// A server's codec writes responses: it says so where the codec is given.
use portcullis::{LengthPrefixed, Postcard, prelude::*};

struct Answer(u64);

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> Answer {
        Answer(n + 1)
    }
}

fn main() {
    let _ = Server::new(Counter).codec(LengthPrefixed::<Postcard>::new());
}
