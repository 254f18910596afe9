// errors: 1
// A client could choose a type that the service does not know.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    #[blocking]
    fn twice<T: Clone + Send + 'static>(&self, n: T) -> T {
        n.clone()
    }
}

fn main() {}
