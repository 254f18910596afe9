// errors: 1
// A job may outlive its caller.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    #[blocking]
    fn length(&self, text: &str) -> usize {
        text.len()
    }
}

fn main() {}
