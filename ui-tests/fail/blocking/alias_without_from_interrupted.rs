// errors: 1
// The compiler resolves an alias of `Result`.
use portcullis::prelude::*;

struct Broken;
type Result<T> = std::result::Result<T, Broken>;

#[blocking]
fn work() -> Result<u64> {
    Err(Broken)
}

fn main() {}
