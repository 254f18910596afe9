// errors: 3
// A trait has no place for the second function. (The attribute sees only the function, so the rest is rustc's.)
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
