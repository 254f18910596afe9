// errors: 1
// A call of that name could be either of them.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count(&self) -> u64;

    #[rpc(name = "count")]
    async fn count_all(&self) -> u64;
}

fn main() {}
