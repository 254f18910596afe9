// errors: 1
// The pool is an expression.
use portcullis::prelude::*;

#[blocking(pool = , deadline = "2s")]
fn work() {}

fn main() {}
