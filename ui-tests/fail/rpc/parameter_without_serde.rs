// errors: 1
// A parameter is sent.
use portcullis::prelude::*;

struct Square {
    side: u64,
}

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn area(&self, square: Square) -> u64 {
        square.side * square.side
    }
}

fn main() {}
