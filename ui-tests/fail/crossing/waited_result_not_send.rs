// errors: 1
// The value comes back from the loop, which is another thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn shout(worker: &Worker) -> Result<u64, Interrupted> {
    let name = async { Rc::new(1_u64) }.wait(worker)?;
    Ok(*name)
}

fn main() {}
