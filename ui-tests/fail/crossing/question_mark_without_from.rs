// errors: 1
// `.wait(worker)?` can end early, and the function's own error has to say so.
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
