// errors: 1
// All connections share the service.
use portcullis::prelude::*;

struct Counter {
    n: u64,
}

#[service]
impl Counter {
    async fn more(&mut self) {
        self.n += 1;
    }
}

fn main() {}
