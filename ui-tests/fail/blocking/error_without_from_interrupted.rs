// errors: 1
// Whoever awaits it gets one `Result`: what a crossing can end with goes into the function's own error.
use portcullis::prelude::*;

struct Broken;

#[blocking]
fn work() -> Result<u64, Broken> {
    Err(Broken)
}

fn main() {}
