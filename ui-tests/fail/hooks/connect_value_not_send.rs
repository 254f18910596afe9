// errors: 2
// A connection's task goes from thread to thread. (The handler's future lends the value, so rustc says it twice.)
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
