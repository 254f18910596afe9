// errors: 1
// The job owns the service, so the lifetime has no meaning.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn count<'a>(&'a self) -> u64 {
        1
    }
}

fn main() {}
