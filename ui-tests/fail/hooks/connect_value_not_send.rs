// errors: 1
// A connection's task moves between threads.
use portcullis::prelude::*;
use std::rc::Rc;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self) -> Rc<u64> {
        Rc::new(0)
    }
}

fn main() {}
