// errors: 1
// A job shares the service, so it owns an `Arc`.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn count(self: Box<Self>) -> u64 {
        1
    }
}

fn main() {}
