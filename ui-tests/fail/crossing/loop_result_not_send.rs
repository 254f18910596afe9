// errors: 1
// The value comes from another thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn shout(worker: &Worker) -> Result<u64, Interrupted> {
    let name = worker.run_on_loop(async { Rc::new(1_u64) })?;
    Ok(*name)
}

fn main() {}
