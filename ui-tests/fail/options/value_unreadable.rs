// errors: 1
// The pool is an expression.
use portcullis::prelude::*;

#[blocking(on = , deadline = "2s")]
fn work() {}

fn main() {}
