// errors: 1
// A path that leads nowhere is reported as such.
use portcullis::prelude::*;

mod api {}

struct Server;

#[service(rpc = api::Pictures)]
impl Server {
    #[rpc]
    async fn count(&self) -> u64 {
        1
    }
}

fn main() {}
