// errors: 1
// Which of the two comes first?
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(stop)]
    async fn stopped(&self) {}

    #[on(stop)]
    async fn also_stopped(&self) {}
}

fn main() {}
