// errors: 1
// The compiler reports errors in a body, once and at the user's tokens.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> String {
        n * 2
    }
}

fn main() {}
