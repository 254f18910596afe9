// errors: 1
// A job can be interrupted, so it returns a `Result`.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        self.double(n).await
    }

    #[blocking]
    fn double(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
