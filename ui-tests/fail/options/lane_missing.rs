// errors: 1
// Jobs with equal keys run in order, so a lane needs a key.
use portcullis::prelude::*;

#[blocking(lane)]
fn store(user: u64) {
    let _ = user;
}

fn main() {}
