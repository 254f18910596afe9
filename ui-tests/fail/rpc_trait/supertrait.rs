// errors: 1
// Only `#[service]` implements the trait, for a type of its own.
use portcullis::prelude::*;

#[rpc]
pub trait Images: Send + Sync {
    async fn count(&self) -> u64;
}

fn main() {}
