// errors: 1
// Nothing that the client sends exists before it is received.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn length(&self, n: usize, text: &[u8]) -> usize {
        n + text.len()
    }
}

fn main() {}
