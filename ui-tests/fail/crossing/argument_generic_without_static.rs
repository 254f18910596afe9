// errors: 1
// A type parameter needs its own `'static` bound.
use portcullis::prelude::*;

#[blocking]
fn forget<T: Send>(value: T) {
    drop(value);
}

fn main() {}
