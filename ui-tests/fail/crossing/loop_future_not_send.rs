// errors: 1
// The loop polls the future on another thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn shout(worker: &Worker, name: String) -> Result<usize, Interrupted> {
    let name: Rc<str> = name.into();
    worker.run_on_loop(async move { name.len() })
}

fn main() {}
