// errors: 1
// Without `#[service]`, `&self` gives no `Arc`.
use portcullis::prelude::*;

struct Counter;

impl Counter {
    #[blocking]
    fn count(&self) -> u64 {
        1
    }
}

fn main() {}
