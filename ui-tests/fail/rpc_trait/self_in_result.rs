// errors: 1
// `Self` would be the type of the service, which a client does not know.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn copy(&self) -> Vec<Self>;
}

fn main() {}
