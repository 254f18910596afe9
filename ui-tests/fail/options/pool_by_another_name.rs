// errors: 1
// An option that goes by another name elsewhere leads to ours.
use portcullis::prelude::*;

struct Thumbnails {
    cpu: Pool,
}

#[service]
impl Thumbnails {
    #[blocking(executor = self.cpu)]
    fn shrink(&self, width: u32) -> u32 {
        width / 2
    }
}

fn main() {}
