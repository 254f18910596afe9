// errors: 1
// The key is an expression over the arguments.
use portcullis::prelude::*;

#[blocking(lane = owner)]
fn store(user: u64) {
    let _ = user;
}

fn main() {}
