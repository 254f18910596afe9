// errors: 1
// A handler is called by generated code, which promises nothing.
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
