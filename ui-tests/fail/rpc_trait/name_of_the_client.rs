// errors: 1
// The client could not have both methods.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn connect(&self);
}

fn main() {}
