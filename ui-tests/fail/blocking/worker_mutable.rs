// errors: 1
// A worker is a shared reference, because nested calls may hold it at the same time.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &mut Worker) {
    let _ = worker.check();
}

fn main() {}
