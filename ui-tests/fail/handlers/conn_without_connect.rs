// errors: 1
// Only `#[on(connect)]` makes the connection's value.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn sum(&self, total: &mut u64, n: u64) -> u64 {
        *total += n;
        *total
    }
}

fn main() {}
