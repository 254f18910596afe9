// errors: 1
// `&self` is `self: &Arc<Self>` where something may cross: which of the two is to be cloned?
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
