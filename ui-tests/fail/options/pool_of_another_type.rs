// errors: 1
// `pool` selects a pool, not the number of threads.
use portcullis::prelude::*;
use std::sync::Arc;

struct Maths {
    threads: usize,
}

impl Maths {
    #[blocking(pool = self.threads)]
    fn square(self: &Arc<Self>, n: u64) -> u64 {
        n * n
    }
}

fn main() {}
