// errors: 1
// A service has one set of calls, and a client could not say which one it means.
use portcullis::prelude::*;

#[rpc]
pub trait Images<T> {
    async fn count(&self, of: T) -> u64;
}

fn main() {}
