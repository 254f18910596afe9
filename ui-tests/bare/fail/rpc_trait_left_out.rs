//! A trait of calls without the feature `rpc` is one error.
use portcullis::rpc;

#[rpc]
pub trait Images {
    async fn count(&self) -> u64;
}

fn main() {}
