// errors: 1
// A result is sent.
use portcullis::prelude::*;

struct Square {
    side: u64,
}

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn square(&self, side: u64) -> Square {
        Square { side }
    }
}

fn main() {}
