// errors: 1
// A client has no `Arc` of the service.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count(self: &std::sync::Arc<Self>) -> u64;
}

fn main() {}
