// errors: 1
// The job shares the value with its caller.
use portcullis::prelude::*;
use std::{cell::Cell, sync::Arc};

struct Counter {
    n: Cell<u64>,
}

impl Counter {
    #[blocking]
    fn count(self: &Arc<Self>) -> u64 {
        self.n.get()
    }
}

fn main() {}
