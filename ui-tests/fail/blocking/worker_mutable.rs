// errors: 1
// A worker is lent by `&`: several calls on the way may hold it at once.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &mut Worker) {
    let _ = worker.check();
}

fn main() {}
