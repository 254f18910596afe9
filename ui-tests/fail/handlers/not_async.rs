// errors: 1
// A handler runs on the event loop. Code that blocks runs on a thread.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
