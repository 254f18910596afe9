// errors: 1
// A client reads what the service writes.
use portcullis::prelude::*;

#[derive(serde::Serialize)]
struct Square {
    side: u64,
}

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn square(&self, side: u64) -> Square {
        Square { side }
    }
}

fn main() {}
