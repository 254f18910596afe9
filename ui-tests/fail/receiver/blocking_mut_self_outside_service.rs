// errors: 1
// A job shares its value with other jobs.
use portcullis::prelude::*;

struct Counter(u64);

impl Counter {
    #[blocking]
    fn count(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

fn main() {}
