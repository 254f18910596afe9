// errors: 1
// A missing import is one error, although the expansion repeats the name.
use portcullis::prelude::*;

#[blocking]
fn open(path: String) -> Image {
    unimplemented!("{path}")
}

fn main() {}
