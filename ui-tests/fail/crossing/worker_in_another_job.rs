// errors: 1
// A worker belongs to its thread: a job of its own has one of its own.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker) {
    Pool::shared().run(move |_| worker.is_cancelled()).detach();
}

fn main() {}
