// errors: 1
// Jobs of equal keys run in order: equal to what?
use portcullis::prelude::*;

#[blocking(lane)]
fn store(user: u64) {
    let _ = user;
}

fn main() {}
