// errors: 1
// The handle is lent: the job takes one of its own.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn count(self: std::sync::Arc<Self>) -> u64 {
        1
    }
}

fn main() {}
