// errors: 1
// The error of a handler is logged, so it needs `Display`.
use portcullis::prelude::*;

struct Broken;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> Result<u64, Broken> {
        n.checked_mul(2).ok_or(Broken)
    }
}

fn main() {}
