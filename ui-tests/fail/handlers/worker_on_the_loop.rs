// errors: 1
// A handler runs on the loop; a worker belongs to a thread.
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
