// errors: 1
// The two options contradict each other.
use portcullis::prelude::*;
use portcullis::Interrupted;

#[blocking(nested, flat)]
fn work() -> Result<u64, Interrupted> {
    Ok(1)
}

fn main() {}
