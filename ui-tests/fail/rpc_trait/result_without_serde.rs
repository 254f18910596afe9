// errors: 1
// The result is sent.
use portcullis::prelude::*;

pub struct Size(u32);

#[rpc]
pub trait Images {
    async fn size(&self) -> Size;
}

fn main() {}
