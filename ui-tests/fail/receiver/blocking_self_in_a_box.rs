// errors: 1
// A job owns the service by an `Arc`: others have it as well.
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
