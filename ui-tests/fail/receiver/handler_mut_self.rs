// errors: 1
// All connections share the service.
use portcullis::prelude::*;

struct Counter {
    n: u64,
}

#[service]
impl Counter {
    #[request]
    async fn more(&mut self, more: u64) -> u64 {
        self.n += more;
        self.n
    }
}

fn main() {}
