// errors: 1
// `&self` becomes `self: &Arc<Self>`, and an `Arc` has no fields to match.
use portcullis::prelude::*;

struct Counter {
    n: u64,
}

#[service]
impl Counter {
    #[blocking]
    fn count(&self) -> u64 {
        let Self { n } = self;
        *n
    }
}

fn main() {}
