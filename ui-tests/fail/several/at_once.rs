// errors: 7
// All mistakes of a block are reported in one compile, each at its tokens.
use portcullis::prelude::*;

struct Thumbnails {
    cpu: Pool,
}

#[service(reqest = Vec<u8>)]
impl Thumbnails {
    #[request]
    async fn thumbnail(&mut self, image: Vec<u8>) -> Vec<u8> {
        self.shrink(image).await
    }

    #[request]
    async fn picture(&self, image: Vec<u8>) -> Vec<u8> {
        image
    }

    #[blocking(pool = self.cpu, deadline = "2sec")]
    fn shrink(&self, image: &[u8]) -> Vec<u8> {
        image.to_vec()
    }

    #[blocking]
    async fn store(&self, image: Vec<u8>) {
        drop(image);
    }

    #[on(stopp)]
    async fn stopped(&self) {}
}

fn main() {}
