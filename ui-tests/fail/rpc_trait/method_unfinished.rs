// errors: 1
// The method is being typed.
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    async fn count(&self) -> u64;

    async fn shrink(&self, picture: Vec<u8>) ->
}

fn count(images: &ImagesClient) -> portcullis::rpc::Call<ImagesCall, u64> {
    images.count()
}

fn main() {
    let _ = count;
}
