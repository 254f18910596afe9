// errors: 1
// A client could choose a type that the service does not know.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn twice<T: Clone>(&self, n: T) -> T {
        n.clone()
    }
}

fn main() {}
