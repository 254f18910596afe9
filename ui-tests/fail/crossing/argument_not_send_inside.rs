// errors: 1
// What is inside an argument goes to another thread as well.
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
