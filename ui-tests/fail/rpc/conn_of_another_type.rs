// errors: 1
// Only one type can be the connection's value.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[rpc]
    async fn twice(&self, calls: &u32, n: u64) -> u64 {
        u64::from(*calls) + n * 2
    }
}

fn main() {}
