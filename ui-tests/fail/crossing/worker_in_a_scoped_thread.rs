// errors: 1
// A worker belongs to its thread, even if another one ends before it does.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker) {
    std::thread::scope(|scope| {
        scope.spawn(|| worker.check());
    });
}

fn main() {}
