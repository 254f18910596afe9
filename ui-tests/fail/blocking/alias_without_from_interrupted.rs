// errors: 1
// An alias of `Result` is seen through, by type.
use portcullis::prelude::*;

struct Broken;
type Result<T> = std::result::Result<T, Broken>;

#[blocking]
fn work() -> Result<u64> {
    Err(Broken)
}

fn main() {}
