// errors: 1
// A datagram has no end to look for: one without a newline would never be a request.
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
