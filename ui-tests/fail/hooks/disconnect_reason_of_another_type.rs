// errors: 1
// The last parameter by value is the reason, under any name.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(disconnect)]
    async fn left(&self, why: String) {
        drop(why);
    }
}

fn main() {}
