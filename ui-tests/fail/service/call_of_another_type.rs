// errors: 1
// The function that starts the job keeps the argument's type.
use portcullis::{Interrupted, prelude::*};

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> Result<u64, Interrupted> {
        self.double("n").await
    }

    #[blocking]
    fn double(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
