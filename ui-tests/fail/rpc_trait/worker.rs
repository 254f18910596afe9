// errors: 1
// A client has no worker to pass; the method of the service may take one.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    fn count(&self, worker: &Worker) -> u64;
}

fn main() {}
