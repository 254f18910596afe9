// errors: 1
// Generated code passes every parameter on, and does not know which are there.
use portcullis::prelude::*;

#[blocking]
fn work(#[cfg(unix)] descriptor: u32) -> u64 {
    1
}

fn main() {}
