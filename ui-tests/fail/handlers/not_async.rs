// errors: 1
// A handler runs on the loop: what blocks belongs on a thread.
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
