// errors: 1
// `&self` becomes `self: &Arc<Self>`, so it is unclear which of the two is cloned.
use portcullis::prelude::*;

#[derive(Clone)]
struct Counter {
    n: u64,
}

#[service]
impl Counter {
    async fn count(&self) -> u64 {
        let other = self.clone();
        other.n
    }
}

fn main() {}
