// errors: 1
// A codec returns a request by value.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, bytes: [u8]) -> Vec<u8> {
        bytes.to_vec()
    }
}

fn main() {
    let _ = Server::new(Echo).codec(LengthPrefixed::<Postcard>::new());
}
