// errors: 1
// An option without an effect would be a surprise.
use portcullis::prelude::*;

#[rpc(vis = pub(crate))]
pub trait Images {
    async fn count(&self) -> u64;
}

fn main() {}
