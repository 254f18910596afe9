// errors: 1
// Nothing that the client sends exists before it is received.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn length(&self, text: &str) -> usize {
        text.len()
    }
}

fn main() {}
