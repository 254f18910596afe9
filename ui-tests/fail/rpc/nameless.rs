// errors: 1
// A parameter is sent under its name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn one(&self, _: u64) -> u64 {
        1
    }
}

fn main() {}
