// errors: 1
// A name from another library gets a suggestion.
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
