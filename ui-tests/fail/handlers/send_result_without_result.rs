// errors: 1
// `wire` sends the `Result` itself.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request(send_result)]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }
}

fn main() {}
