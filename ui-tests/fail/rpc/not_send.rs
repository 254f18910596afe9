// errors: 1
// A session may move between threads while a call waits.
use std::rc::Rc;

use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        let n = Rc::new(n);
        tokio::task::yield_now().await;
        *n * 2
    }
}

fn main() {}
