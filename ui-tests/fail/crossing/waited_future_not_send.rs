// errors: 1
// The future goes to the loop, which is another thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn shout(worker: &Worker, name: String) -> Result<usize, Interrupted> {
    let name: Rc<str> = name.into();
    async move { name.len() }.wait(worker)
}

fn main() {}
