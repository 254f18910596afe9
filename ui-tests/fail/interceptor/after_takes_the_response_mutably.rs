// errors: 1
// `#[after]` can't change the response. The parameter isn't reported as the connection's value too.
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
