// errors: 1
// A blocking function runs on a pool thread: there is nothing there that would poll it.
use portcullis::prelude::*;

#[blocking]
async fn hash(bytes: Vec<u8>) -> u64 {
    bytes.len() as u64
}

fn main() {}
