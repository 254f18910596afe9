// errors: 1
// The service decides on which threads it handles a call.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    #[blocking]
    fn count(&self) -> u64;
}

fn main() {}
