// errors: 1
// Nothing that a service promises to a client is `unsafe`.
use portcullis::prelude::*;

#[rpc]
pub unsafe trait Images {
    async fn count(&self) -> u64;
}

fn main() {}
