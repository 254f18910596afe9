// errors: 1
// A type parameter needs its own `Send` bound.
use portcullis::prelude::*;

#[blocking]
fn forget<T: 'static>(value: T) {
    drop(value);
}

fn main() {}
