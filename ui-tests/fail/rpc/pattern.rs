// errors: 1
// A parameter is sent under its name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn sum(&self, (a, b): (u64, u64)) -> u64 {
        a + b
    }
}

fn main() {}
