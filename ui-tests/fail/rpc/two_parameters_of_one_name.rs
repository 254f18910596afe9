// errors: 1
// A parameter is sent under its name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn one(&self, n: u64, _n: u64) -> u64 {
        n
    }
}

fn main() {}
