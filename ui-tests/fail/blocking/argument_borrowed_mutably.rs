// errors: 1
// A job may outlive its caller, so it can't write to the caller's value.
use portcullis::prelude::*;

struct Image;

#[blocking]
fn blur(image: &mut Image) {
    let _ = image;
}

fn main() {}
