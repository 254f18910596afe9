// errors: 3
// A trait has no place for the second function. (The attribute sees only the function, so the rest is rustc's.)
use portcullis::prelude::*;
use std::sync::Arc;

trait Work {
    fn work(self: &Arc<Self>) -> u64;
}

struct Worked;

impl Work for Worked {
    #[blocking]
    fn work(self: &Arc<Self>) -> u64 {
        1
    }
}

fn main() {}
