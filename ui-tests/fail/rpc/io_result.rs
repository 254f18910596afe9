// errors: 1
// `io::Error` can't be sent.
use std::io;

use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn read(&self) -> io::Result<u64> {
        Ok(1)
    }
}

fn main() {}
