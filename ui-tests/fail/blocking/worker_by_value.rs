// errors: 1
// A worker is borrowed while the job runs.
use portcullis::prelude::*;

#[blocking]
fn work(worker: Worker) {
    let _ = worker.check();
}

fn main() {}
