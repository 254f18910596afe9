// errors: 1
// A missing import is one error, although the expansion repeats the name.
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
