// errors: 1
// Outside `#[service]` nothing makes an `Arc` out of `&self`.
use portcullis::prelude::*;

struct Counter;

impl Counter {
    #[blocking]
    fn count(&self) -> u64 {
        1
    }
}

fn main() {}
