// errors: 1
// A handler answers something.
use portcullis::prelude::*;

struct Clock;

#[service]
impl Clock {
    #[request]
    async fn time(&self) -> u64 {
        0
    }
}

fn main() {}
