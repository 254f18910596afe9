// errors: 1
// Callers find a function with this signature, so there is no second error.
use portcullis::prelude::*;

struct Sums;

#[service]
impl Sums {
    #[request]
    async fn ask(&self, n: u64) -> u64 {
        self.twice(n).await + 1
    }

    async fn twice(&self, n: u64) -> u64
}

fn main() {
    let _ = Server::new(Sums).codec(LengthPrefixed::<Postcard>::new());
}
