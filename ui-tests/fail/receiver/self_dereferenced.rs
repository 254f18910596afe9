// errors: 1
// `&self` becomes `self: &Arc<Self>`, so one `*` gives the `Arc`.
use portcullis::prelude::*;

#[derive(Clone, Copy)]
struct Counter {
    n: u64,
}

#[service]
impl Counter {
    #[blocking]
    fn count(&self) -> u64 {
        let copy = *self;
        copy.n
    }
}

fn main() {}
