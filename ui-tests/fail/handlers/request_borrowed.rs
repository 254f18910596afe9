// errors: 1
// The handler owns the request, because the codec doesn't keep it.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: &u64) -> u64 {
        n * 2
    }
}

fn main() {}
