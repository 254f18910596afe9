// errors: 1
// Nothing on a pool thread polls the future of an `async fn`.
use portcullis::prelude::*;

#[blocking]
async fn hash(bytes: Vec<u8>) -> u64 {
    bytes.len() as u64
}

fn main() {}
