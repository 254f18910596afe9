// errors: 1
// Parameters and results are sent, and own what they hold.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count<'a>(&'a self) -> u64;
}

fn main() {}
