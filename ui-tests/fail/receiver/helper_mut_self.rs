// errors: 1
// A service is shared by all its connections.
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
