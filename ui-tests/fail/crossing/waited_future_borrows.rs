// errors: 1
// The future goes to the loop, and the thread may give up waiting for it.
use portcullis::{Interrupted, prelude::*};

#[blocking]
fn shout(worker: &Worker, name: String) -> Result<usize, Interrupted> {
    async { name.len() }.wait(worker)
}

fn main() {}
