// errors: 1
// Parameters come from another process and are owned.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn find(&self, text: &str) -> u64;
}

fn main() {}
