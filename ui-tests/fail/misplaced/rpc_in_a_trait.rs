// errors: 1
// Without `#[rpc]` on the trait, no client is generated.
use portcullis::prelude::*;

pub trait Images {
    #[rpc(name = "images/count")]
    fn count(&self) -> u64;
}

fn main() {}
