// errors: 1
// A lifetime inside a type is a borrow as well.
use portcullis::prelude::*;
use std::borrow::Cow;

#[blocking]
fn count(text: Cow<'_, str>) -> usize {
    text.len()
}

fn main() {}
