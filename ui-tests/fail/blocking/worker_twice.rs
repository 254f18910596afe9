// errors: 1
// A job runs on one thread.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker, other: &Worker) {
    let _ = (worker.check(), other.check());
}

fn main() {}
