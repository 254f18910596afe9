// errors: 1
// A job needs a pool that exists.
use portcullis::prelude::*;
use std::sync::Arc;

struct Maths {
    pool: Option<Pool>,
}

impl Maths {
    #[blocking(pool = self.pool)]
    fn square(self: &Arc<Self>, n: u64) -> u64 {
        n * n
    }
}

fn main() {}
