// errors: 1
// What a handler fails with is reported, and has to read as text.
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
