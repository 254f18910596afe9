// errors: 1
// A handler runs on the event loop, and a worker can't leave its thread.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, worker: &Worker, n: u64) -> u64 {
        self.double(n).wait(worker).unwrap()
    }

    #[blocking]
    fn double(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
