// errors: 1
// The calls of all connections share the service.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count(&mut self) -> u64;
}

fn main() {}
