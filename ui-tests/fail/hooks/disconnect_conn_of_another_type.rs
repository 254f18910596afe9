// errors: 1
// The connection's value is what `#[on(connect)]` returns.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self) -> String {
        String::new()
    }

    #[on(disconnect)]
    async fn left(&self, number: u64, reason: Reason) {
        drop((number, reason));
    }
}

fn main() {}
