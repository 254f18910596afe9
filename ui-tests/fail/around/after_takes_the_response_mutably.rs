// errors: 1
// A response is seen, not changed; that it looks like the connection's value is not said besides.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, n: u64) -> u64 {
        n
    }

    #[after]
    async fn doubled(&self, response: &mut u64) {
        *response *= 2;
    }
}

fn main() {}
