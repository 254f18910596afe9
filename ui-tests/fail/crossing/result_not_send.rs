// errors: 1
// The result comes back from another thread.
use portcullis::prelude::*;
use std::rc::Rc;

#[blocking]
fn name(number: u64) -> Rc<str> {
    number.to_string().into()
}

fn main() {}
