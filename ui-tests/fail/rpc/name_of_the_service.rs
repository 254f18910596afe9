// errors: 1
// The generated client would have the name of the service.
use portcullis::prelude::*;

struct ImagesClient;

#[service(rpc(name = Images))]
impl ImagesClient {
    #[rpc]
    async fn count(&self) -> u64 {
        1
    }
}

fn main() {}
