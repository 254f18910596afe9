// errors: 1
// Generated code calls the handler, and can't uphold the contract of `unsafe`.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async unsafe fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
