// errors: 1
// A job may outlive its caller, so it can't write into what the caller keeps.
use portcullis::prelude::*;

struct Image;

#[blocking]
fn blur(image: &mut Image) {
    let _ = image;
}

fn main() {}
