// errors: 1
// Arguments go to another thread.
use portcullis::prelude::*;
use std::rc::Rc;

#[blocking]
fn count(text: Rc<str>) -> usize {
    text.len()
}

fn main() {}
