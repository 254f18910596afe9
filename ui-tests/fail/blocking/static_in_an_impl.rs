// errors: 1
// The body exists twice: for the job and for callers with a worker. Each would have its own
// `static`.
use std::sync::atomic::{AtomicU32, Ordering};

use portcullis::prelude::*;

struct Tickets;

impl Tickets {
    #[blocking]
    fn next() -> u32 {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        COUNT.fetch_add(1, Ordering::Relaxed)
    }
}

fn main() {
    drop(Tickets::next());
}
