// errors: 1
// There is no body to run on a thread, and a trait doesn't declare the second function.
use portcullis::prelude::*;

trait Work {
    #[blocking]
    fn work(&self) -> u64;
}

fn main() {}
