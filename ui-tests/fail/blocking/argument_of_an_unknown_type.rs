// errors: 1
// A name that was not imported is one mistake, however often the expansion repeats it.
use portcullis::prelude::*;

struct Thumbnails;

#[service]
impl Thumbnails {
    #[blocking]
    fn shrink(&self, image: Image) -> u32 {
        image.width
    }
}

fn main() {}
