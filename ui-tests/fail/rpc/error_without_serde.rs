// errors: 1
// An error is sent.
use portcullis::prelude::*;

struct DividedByZero;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn divide(&self, a: u64, b: u64) -> Result<u64, DividedByZero> {
        a.checked_div(b).ok_or(DividedByZero)
    }
}

fn main() {}
