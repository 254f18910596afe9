// errors: 1
// The service outlives the job.
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
