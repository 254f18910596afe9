// errors: 1
// A type parameter says for itself that it owns what it needs.
use portcullis::prelude::*;

#[blocking]
fn forget<T: Send>(value: T) {
    drop(value);
}

fn main() {}
