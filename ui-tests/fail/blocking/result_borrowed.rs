// errors: 1
// The result comes back from another thread, after the job has dropped its arguments.
use portcullis::prelude::*;

#[blocking]
fn name(number: u64) -> &str {
    if number == 0 { "none" } else { "some" }
}

fn main() {}
