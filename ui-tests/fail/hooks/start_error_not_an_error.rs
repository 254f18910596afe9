// errors: 1
// An error of `#[on(start)]` is returned to the caller that serves.
use portcullis::prelude::*;

struct Broken;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(start)]
    async fn started(&self) -> Result<(), Broken> {
        Err(Broken)
    }
}

fn main() {}
