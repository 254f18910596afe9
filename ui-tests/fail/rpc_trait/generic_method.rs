// errors: 1
// The service could not know which type a client sends.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count<T>(&self, of: Vec<T>) -> u64;
}

fn main() {}
