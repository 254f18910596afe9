// errors: 1
// Why a job has no result is the same for all calls, and not part of a signature.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    fn count(&self) -> Result<u64, portcullis::Interrupted>;
}

fn main() {}
