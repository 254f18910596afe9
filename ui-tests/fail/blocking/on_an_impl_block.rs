// errors: 1
// Each function has its own attribute.
use portcullis::prelude::*;

struct Work;

#[blocking]
impl Work {
    fn work(&self) {}
}

fn main() {}
