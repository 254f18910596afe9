// errors: 1
// A future runs on the event loop, and a worker can't leave its thread.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker) {
    let _ = worker.spawn(async move {
        let _ = worker.check();
    });
}

fn main() {}
