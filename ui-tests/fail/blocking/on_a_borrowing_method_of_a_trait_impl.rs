// errors: 3
// A trait doesn't declare the second function. The attribute sees only the function, so rustc
// reports that.
use portcullis::prelude::*;

trait Hash {
    fn hash(&self, password: String) -> String;
}

struct Slow;

impl Hash for Slow {
    #[blocking]
    fn hash(&self, password: String) -> String {
        password.chars().rev().collect()
    }
}

fn main() {}
