// errors: 1
// The result comes back from another thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn name(number: u64) -> Result<Rc<str>, Interrupted> {
    Ok(number.to_string().into())
}

fn main() {}
