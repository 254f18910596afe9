// errors: 1
// `.wait(worker)?` can fail, so the function's error type must hold `Interrupted`.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[blocking(nested)]
    fn more(&self, worker: &Worker, n: u64) -> Result<u64, std::fmt::Error> {
        let count = self.count(n).wait(worker)?;
        Ok(count)
    }

    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
