// errors: 3
// A trait doesn't declare the second function. The attribute sees only the function, so rustc
// reports that.
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
