// errors: 1
// A worker can't leave its thread, even for a thread that ends before the job.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker) {
    std::thread::scope(|scope| {
        scope.spawn(|| worker.check());
    });
}

fn main() {}
