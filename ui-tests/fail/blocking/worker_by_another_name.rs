// errors: 1
// A worker goes by the name of its type: under another one it is a borrowed argument.
use portcullis::prelude::*;
use portcullis::Worker as Thread;

#[blocking]
fn double(worker: &Thread, n: u64) -> u64 {
    worker.is_cancelled();
    n * 2
}

fn main() {}
