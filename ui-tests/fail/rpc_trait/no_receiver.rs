// errors: 1
// A call is made with a client, and handled by a service.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count() -> u64;
}

fn main() {}
