// errors: 1
// `Lines` carries `String`s.
use portcullis::{Lines, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    let _ = Server::new(Counter).codec(Lines::new());
}
