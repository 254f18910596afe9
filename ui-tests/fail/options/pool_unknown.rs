// errors: 1
// The pool is the user's expression, so the error is at its tokens.
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
