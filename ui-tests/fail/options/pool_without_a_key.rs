// errors: 1
// The attribute has several options, so each has a name.
use portcullis::prelude::*;

struct Thumbnails {
    cpu: Pool,
}

#[service]
impl Thumbnails {
    #[blocking(self.cpu, deadline = "2s")]
    fn shrink(&self, width: u32) -> u32 {
        width / 2
    }
}

fn main() {}
