// errors: 1
// `flat` joins the function's own error with `Interrupted`, and a number has none.
use portcullis::prelude::*;

#[blocking(flat)]
fn work() -> u64 {
    1
}

fn main() {}
