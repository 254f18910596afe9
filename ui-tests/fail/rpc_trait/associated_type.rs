// errors: 1
// The types of calls are known to clients, which do not know the service.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    type Picture;

    async fn count(&self) -> u64;
}

fn main() {}
