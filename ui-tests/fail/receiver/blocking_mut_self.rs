// errors: 1
// A job shares the service with other jobs.
use portcullis::prelude::*;

struct Counter {
    n: u64,
}

#[service]
impl Counter {
    #[blocking]
    fn more(&mut self) {
        self.n += 1;
    }
}

fn main() {}
