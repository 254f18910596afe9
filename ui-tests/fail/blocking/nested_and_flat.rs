// errors: 1
// The two say opposite things about a `Result`.
use portcullis::prelude::*;
use portcullis::Interrupted;

#[blocking(nested, flat)]
fn work() -> Result<u64, Interrupted> {
    Ok(1)
}

fn main() {}
