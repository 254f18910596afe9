// errors: 1
// Arguments move to another thread.
use portcullis::prelude::*;
use std::rc::Rc;

#[blocking]
fn count(text: Rc<str>) -> usize {
    text.len()
}

fn main() {}
