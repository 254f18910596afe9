// errors: 1
// A worker can't leave its thread: another job has its own.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker) {
    Pool::shared().run(move |_| worker.is_cancelled()).detach();
}

fn main() {}
