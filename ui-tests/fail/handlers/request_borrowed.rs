// errors: 1
// The request goes from the connection to the handler: nobody keeps it meanwhile.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: &u64) -> u64 {
        n * 2
    }
}

fn main() {}
