// errors: 1
// `send_result` sends the whole `Result`.
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
