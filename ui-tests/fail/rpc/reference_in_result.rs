// errors: 1
// What the method returns is sent after it has returned.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn name(&self) -> &str {
        "maths"
    }
}

fn main() {}
