// errors: 1
// A codec that looks for a newline would never find a request in a datagram without one.
use portcullis::{Lines, Udp, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, text: String) -> String {
        text
    }
}

fn main() {
    let _ = Server::new(Counter).listen(Udp::new("127.0.0.1:0", Lines::new()));
}
