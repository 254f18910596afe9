// errors: 1
// The `&mut` parameter of `#[on(start)]` is the cleanup.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(start)]
    async fn started(&self, steps: &mut Vec<u64>) {
        steps.clear();
    }
}

fn main() {}
