// errors: 1
// Generated code calls the function on the pool thread, and can't uphold the contract of `unsafe`.
use portcullis::prelude::*;

#[blocking]
unsafe fn peek(address: usize) -> u8 {
    address as u8
}

fn main() {}
