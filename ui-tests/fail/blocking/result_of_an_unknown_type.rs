// errors: 1
// A name that was not imported is one mistake, however often the expansion repeats it.
use portcullis::prelude::*;

#[blocking]
fn open(path: String) -> Image {
    unimplemented!("{path}")
}

fn main() {}
