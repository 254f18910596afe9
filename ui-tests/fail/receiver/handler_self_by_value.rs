// errors: 1
// The service outlives the request.
use portcullis::prelude::*;

struct Counter {
    n: u64,
}

#[service]
impl Counter {
    #[request]
    async fn more(self, more: u64) -> u64 {
        self.n + more
    }
}

fn main() {}
