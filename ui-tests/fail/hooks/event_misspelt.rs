// errors: 1
// A hook for an unknown event would never run.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(disconect)]
    async fn left(&self) {}
}

fn main() {}
