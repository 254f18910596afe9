// errors: 1
// A raw pointer goes nowhere by itself.
use portcullis::prelude::*;

#[blocking]
fn count(text: *const u8) -> bool {
    text.is_null()
}

fn main() {}
