// errors: 1
// The job owns the service, for no lifetime in particular.
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
