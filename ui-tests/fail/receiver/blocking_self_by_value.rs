// errors: 1
// The service stays when the job is done.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn count(self) -> u64 {
        1
    }
}

fn main() {}
