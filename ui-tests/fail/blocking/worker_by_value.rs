// errors: 1
// A worker is lent for as long as the job runs.
use portcullis::prelude::*;

#[blocking]
fn work(worker: Worker) {
    let _ = worker.check();
}

fn main() {}
