// errors: 1
// The call on the pool's thread is generated, and nobody has promised there what `unsafe` asks for.
use portcullis::prelude::*;

#[blocking]
unsafe fn peek(address: usize) -> u8 {
    address as u8
}

fn main() {}
