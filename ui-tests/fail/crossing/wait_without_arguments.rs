// errors: 1
// The function has a worker, which the wait takes.
use portcullis::{Interrupted, prelude::*};

struct Counter;

#[service]
impl Counter {
    #[blocking]
    fn more(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        worker.check()?;
        Ok(self.count(n).wait()?)
    }

    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
