// errors: 1
// The job clones the `Arc` itself.
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
