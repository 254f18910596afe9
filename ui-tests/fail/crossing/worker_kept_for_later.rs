// errors: 1
// A worker is borrowed while the job runs.
use portcullis::prelude::*;
use std::cell::Cell;

thread_local! {
    static KEPT: Cell<Option<&'static Worker>> = const { Cell::new(None) };
}

#[blocking]
fn work(worker: &Worker) {
    KEPT.set(Some(worker));
}

fn main() {}
