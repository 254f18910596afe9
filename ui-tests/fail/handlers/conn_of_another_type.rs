// errors: 1
// The connection's value is what `#[on(connect)]` returns.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn sum(&self, total: &mut u64, n: u64) -> u64 {
        *total += n;
        *total
    }

    #[on(connect)]
    async fn connected(&self) -> u32 {
        0
    }
}

fn main() {}
