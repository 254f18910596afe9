// errors: 1
// `Utf8` reads and writes `String`s.
use portcullis::{Datagrams, Udp, codec::Utf8, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    let _ = Server::new(Counter).listen(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()));
}
