// errors: 1
// A service handles the call, so nothing would run the body.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count(&self) -> u64 {
        1
    }
}

fn main() {}
