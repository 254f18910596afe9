// errors: 1
// The pool's expression is the user's, and so is the message about it.
use portcullis::prelude::*;
use std::sync::Arc;

struct Maths {
    cpu: Pool,
}

impl Maths {
    #[blocking(pool = self.gpu)]
    fn square(self: &Arc<Self>, n: u64) -> u64 {
        n * n
    }
}

fn main() {}
