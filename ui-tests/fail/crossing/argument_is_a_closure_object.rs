// errors: 1
// A trait object needs its own `Send` bound.
use portcullis::prelude::*;

#[blocking]
fn count(step: Box<dyn Fn(u64) -> u64>) -> u64 {
    step(1)
}

fn main() {}
