// errors: 1
// Each function says for itself where it runs.
use portcullis::prelude::*;

struct Work;

#[blocking]
impl Work {
    fn work(&self) {}
}

fn main() {}
