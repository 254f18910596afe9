// errors: 1
// The loop may poll the future after the thread has stopped waiting for it.
use portcullis::{Interrupted, prelude::*};

#[blocking]
fn shout(worker: &Worker, name: String) -> Result<usize, Interrupted> {
    worker.run_on_loop(async { name.len() })
}

fn main() {}
