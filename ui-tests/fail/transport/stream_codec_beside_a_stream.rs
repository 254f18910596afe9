// errors: 1
// Datagrams need their own codec, beside that of the connections.
use portcullis::prelude::*;
use portcullis::Udp;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, text: String) -> String {
        text
    }
}

fn main() {
    let _ = Server::new(Counter)
        .codec(JsonLines::new())
        .bind("127.0.0.1:0")
        .map(|server| server.listen(Udp::new("127.0.0.1:0", JsonLines::new())));
}
