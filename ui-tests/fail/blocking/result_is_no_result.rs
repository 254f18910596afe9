// errors: 5
// The guess goes by the name `Result`; the compiler says where it is wrong. (At each place that asks the type.)
use portcullis::prelude::*;

mod exam {
    pub struct Result(pub u64);
}

#[blocking]
fn grade() -> exam::Result {
    exam::Result(1)
}

fn main() {}
