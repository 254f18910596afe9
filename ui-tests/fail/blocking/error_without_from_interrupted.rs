// errors: 1
// The caller gets one `Result`, so the function's error type must hold `Interrupted`.
use portcullis::prelude::*;

struct Broken;

#[blocking]
fn work() -> Result<u64, Broken> {
    Err(Broken)
}

fn main() {}
