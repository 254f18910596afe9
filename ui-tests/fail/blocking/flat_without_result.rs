// errors: 1
// `flat` joins the function's own error with `Interrupted`.
use portcullis::prelude::*;

#[blocking(flat)]
fn work() {}

fn main() {}
