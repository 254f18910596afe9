// errors: 1
// The name on the wire is that of one method.
use portcullis::prelude::*;

#[rpc(name = "images")]
pub trait Images {
    async fn count(&self) -> u64;
}

fn main() {}
