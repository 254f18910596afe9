// errors: 1
// A worker can't leave its thread.
use portcullis::prelude::*;

#[blocking]
fn work(worker: &Worker) {
    std::thread::spawn(move || worker.check());
}

fn main() {}
