// errors: 1
// A job may outlive its caller: if the future is dropped, the thread still runs.
use portcullis::prelude::*;

#[blocking]
fn count(text: &str) -> usize {
    text.len()
}

fn main() {}
