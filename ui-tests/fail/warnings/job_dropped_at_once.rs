// errors: 1
// The job is cancelled before it runs, and rustc suggests `let _ =` for an unused future.
#![deny(deprecated)]
use portcullis::prelude::*;

struct Images;

#[service]
impl Images {
    #[request]
    async fn store(&self, image: Vec<u8>) -> usize {
        let length = image.len();
        let _ = self.write(image);
        length
    }

    #[blocking]
    fn write(&self, image: Vec<u8>) {
        drop(image);
    }
}

fn main() {}
