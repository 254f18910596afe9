// errors: 1
// A job may outlive its caller: the future can be dropped while the thread goes on.
use portcullis::prelude::*;

#[blocking]
fn count(text: &str) -> usize {
    text.len()
}

fn main() {}
