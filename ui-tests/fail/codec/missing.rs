// errors: 1
// A server needs a codec to read requests.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    let _ = Server::new(Counter).bind("127.0.0.1:0").map(|server| server.run_until_signal());
}
