// errors: 1
// The worker comes first in `blocking_f(worker, ..)`, and so it does where it is written.
use portcullis::prelude::*;

#[blocking]
fn work(n: u64, worker: &Worker) -> u64 {
    let _ = worker.check();
    n
}

fn main() {}
