// errors: 1
// All parts of an argument move to another thread.
use portcullis::prelude::*;
use std::rc::Rc;

struct Text {
    shared: Rc<str>,
}

#[blocking]
fn count(text: Text) -> usize {
    text.shared.len()
}

fn main() {}
