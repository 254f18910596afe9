// errors: 1
// A type with a lifetime contains a reference.
use portcullis::prelude::*;
use std::borrow::Cow;

#[blocking]
fn count(text: Cow<'_, str>) -> usize {
    text.len()
}

fn main() {}
