// errors: 1
// Somebody has to make the connection's value.
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
