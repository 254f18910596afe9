// errors: 1
// A job runs on a thread, where nothing polls a future.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    #[blocking]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
