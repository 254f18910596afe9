// errors: 5
// A type called `Result` is expected to be one. Each use of the type is one error of rustc.
use portcullis::prelude::*;

mod exam {
    pub struct Result(pub u64);
}

#[blocking]
fn grade() -> exam::Result {
    exam::Result(1)
}

fn main() {}
