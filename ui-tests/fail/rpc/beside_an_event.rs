// errors: 1
// Calls run at the same time, so no state is free for an event.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[event(room)]
    async fn ring(&self, n: u64) {
        let _ = n;
    }
}

fn main() {}
