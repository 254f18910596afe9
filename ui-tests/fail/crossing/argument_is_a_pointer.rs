// errors: 1
// A raw pointer isn't `Send`.
use portcullis::prelude::*;

#[blocking]
fn count(text: *const u8) -> bool {
    text.is_null()
}

fn main() {}
