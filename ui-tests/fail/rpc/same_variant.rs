// errors: 1
// Both would be the same variant of the calls.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn get_all(&self) -> u64 {
        1
    }

    #[rpc]
    async fn get__all(&self) -> u64 {
        2
    }
}

fn main() {}
