// errors: 1
// A service of the trait could handle nothing.
use portcullis::prelude::*;

#[rpc]
pub trait Images {}

fn main() {}
