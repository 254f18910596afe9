// errors: 1
// A service implements a trait.
use portcullis::prelude::*;

struct Images;

struct Server;

#[service(rpc = Images)]
impl Server {
    #[rpc]
    async fn count(&self) -> u64 {
        1
    }
}

fn main() {}
