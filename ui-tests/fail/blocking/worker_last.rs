// errors: 1
// The worker is the first parameter of `blocking_f(worker, ..)`, so it is the first here too.
use portcullis::prelude::*;

#[blocking]
fn work(n: u64, worker: &Worker) -> u64 {
    let _ = worker.check();
    n
}

fn main() {}
