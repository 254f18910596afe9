// errors: 1
// A trait object says for itself that it is `Send`.
use portcullis::prelude::*;

#[blocking]
fn count(step: Box<dyn Fn(u64) -> u64>) -> u64 {
    step(1)
}

fn main() {}
