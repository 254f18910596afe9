// errors: 1
// A client passes no peer; the method of the service may take one.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count(&self, peer: &ImagesPeer) -> u64;
}

fn main() {}
