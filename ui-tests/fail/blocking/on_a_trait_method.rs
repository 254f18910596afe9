// errors: 1
// There is no body that could run on a thread, and no place for a second function.
use portcullis::prelude::*;

trait Work {
    #[blocking]
    fn work(&self) -> u64;
}

fn main() {}
