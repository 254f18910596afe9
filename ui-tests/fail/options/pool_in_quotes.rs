// errors: 1
// A pool is an expression. Only durations are strings.
use portcullis::prelude::*;

struct Thumbnails {
    cpu: Pool,
}

#[service]
impl Thumbnails {
    #[blocking(pool = "self.cpu")]
    fn shrink(&self, width: u32) -> u32 {
        width / 2
    }
}

fn main() {}
