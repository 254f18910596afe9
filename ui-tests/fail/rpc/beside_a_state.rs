// errors: 1
// What a client sends is either a call or a request.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[state(start)]
    async fn echo(&self, n: u64) -> (u64, MathsState) {
        (n, MathsState::Echo)
    }
}

fn main() {}
